-- JoinHandle's and AbortHandle's __close read what they were given before
-- they looked what it was.

local ebb = require "ebb"
local classes = require "classes"
local common = require "common"

-- The objects that only C functions hold, taken from their frames.
local function from_frames(samples)
  local function take(name, level)
    local _, object = debug.getlocal(level, 1)
    samples[name] = function() return object end
  end
  ebb.unconstrained(function() take("ebb.unconstrained", 3) end)
  ebb.task_local "name":scope(1, function() take("ebb.local_scope", 3) end)
  local main = coroutine.running()
  ebb.block_on(function()
    for level = 0, 20 do
      local info = debug.getinfo(main, level, "f")
      if info and info.func == ebb.block_on then
        local _, scope = debug.getlocal(main, level, 1)
        samples["ebb.scope"] = function() return scope end
      end
    end
  end)
end

local samples = {}
for name, make in pairs(classes.samples) do samples[name] = make end
from_frames(samples)

-- Every function of a class, with the name of its class in errors.
local function functions_of(object)
  local meta = debug.getmetatable(object)
  local functions = {}
  for name, value in pairs(meta) do
    if type(value) == "function" then functions[name] = value end
  end
  for name, value in pairs(meta.__index or {}) do functions[name] = value end
  return functions, meta.__name
end

-- A value of each type, small userdata above all.
local function wrong_selves()
  local selves = {
    true, 1, 1.5, "text", {}, print, coroutine.create(print), io.stdout,
    debug.upvalueid(wrong_selves or function() return ebb end, 1)
  }
  for _, make in pairs(samples) do selves[#selves + 1] = make() end
  return selves
end

local function assert_refused(class, name, f, ...)
  local at = class .. ":" .. name .. " of " .. tostring((...))
  local err = common.error_of(f, ...)
  assert(err:find("bad argument #1", 1, true) or
         err:find("calling '", 1, true), at .. ": " .. err)
  assert(err:find(class .. " expected", 1, true), at .. ": " .. err)
end

-- A comparison of what cannot be equal is no misuse.
local function assert_unequal(_, _, f, ...)
  assert.is_false(f(..., ...))
end

describe("every function of a class, called by hand,", function()
  for sample, make in pairs(samples) do
    it("refuses what is not of the class: " .. sample, function()
      local own = debug.getmetatable(make())
      local functions, class = functions_of(make())
      for name, f in pairs(functions) do
        local refused = name == "__eq" and assert_unequal or assert_refused
        refused(class, name, f)
        refused(class, name, f, nil)
        for _, self in ipairs(wrong_selves()) do
          if debug.getmetatable(self) ~= own then
            refused(class, name, f, self)
          end
        end
      end
    end)
  end

  -- What they do then is their own affair: an error, or nothing.
  for sample, make in pairs(classes.samples) do
    it("may come after the finalizer: " .. sample, function()
      local functions = functions_of(make())
      for _, f in pairs(functions) do
        local object = make()
        local finalize = debug.getmetatable(object).__gc
        if finalize then
          finalize(object)
          finalize(object)
          pcall(f, object)
        end
      end
    end)
  end
end)
