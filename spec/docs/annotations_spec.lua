-- The annotations are those of the module, and ebb.h is commented.

local ebb = require "ebb"
local annotations = require "annotations"
local classes = require "classes"
local libraries = require "libraries"
local pages = require "pages"
local programs = require "programs"
local run = require "run"

local SOURCE <const>, read <const> = pages.source, pages.read

local function sorted_keys(set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

describe("lua/meta/ebb.lua", function()
  local functions, fields = annotations.read()

  it("is Lua", function()
    assert.is_function(assert(loadfile(SOURCE .. "/lua/meta/ebb.lua")))
  end)

  it("has the functions that exist, and no others", function()
    assert.same(sorted_keys(classes.functions()), sorted_keys(functions))
  end)

  it("is held against every class that can be made", function()
    for _, module in ipairs {ebb, ebb.sync} do
      for name, value in pairs(module) do
        if type(value) == "table" and value.new then
          assert.is_function(classes.samples[name], "no sample of " .. name)
        end
      end
    end
  end)

  it("has the other fields of the module", function()
    for name, value in pairs(ebb) do
      local kind = type(value)
      if kind ~= "function" and kind ~= "table" then
        assert.is_true(fields.ebb[name], name)
      end
    end
  end)

  it("has the fields of what ebb.tasks gives", function()
    local map <close> = ebb.JoinMap.new()
    map:build_task():name("name"):spawn("key", ebb.sleep, 1000)
    ebb.yield_now()
    local seen = {}
    for _, task in ipairs(ebb.tasks()) do
      for name in pairs(task) do seen[name] = true end
    end
    assert.same(sorted_keys(fields["ebb.TaskInfo"]), sorted_keys(seen))
  end)

  it("says which item of Tokio each function mirrors", function()
    for name, f in pairs(functions) do
      assert.is_truthy(f.comment:find("\n?%-%-%-Tokio: "), name)
    end
  end)

  it("describes each parameter", function()
    for name, f in pairs(functions) do
      for parameter in f.parameters:gmatch "[^, ]+" do
        local words = "@param " .. parameter
        local found = f.comment:find(words .. " ", 1, true) or
                      f.comment:find(words .. "? ", 1, true)
        assert.is_truthy(found, name .. ": " .. parameter)
      end
    end
  end)
end)

-- Functions of our modules that the libraries do not have; and ebb.uv's run is
-- not luv's.
local OWN <const> = {
  socket = {"patch"}, uv = {"lines", "run"}, cqueues = {"block_on"}
}

for name, library in pairs(libraries) do
  describe("lua/meta/ebb/" .. name .. ".lua", function()
    local lacking = programs.missing {[library.module] = library.package}
    if lacking then return pending(lacking) end

    it("has the functions that the library has not", function()
      local text = read(SOURCE .. "/lua/meta/ebb/" .. name .. ".lua")
      local annotated = {}
      for f in text:gmatch("\nfunction " .. name .. "%.([%w_]+)%(") do
        annotated[#annotated + 1] = f
      end
      table.sort(annotated)
      assert.same(OWN[name], annotated)
    end)

    it("tells of all that is added", function()
      local code = ([[
        local ours, theirs = require "ebb.%s", require "%s"
        local names = {}
        for name in pairs(ours) do
          if theirs[name] == nil then names[#names + 1] = name end
        end
        table.sort(names)
        io.write(table.concat(names, " "))]]):format(name, library.module)
      local expected = table.concat(OWN[name], " "):gsub(" run", "")
      assert.same({0, expected, ""}, {run(code)})
    end)
  end)
end

-- ---- the header

-- The functions of paragraphs without a comment above them.
local function functions_without_comment(header)
  local found, previous, commented = {}, "", false
  for line in header:gmatch "([^\n]*)\n" do
    if line:find "^EBB_API" then
      commented = commented or previous:find "%*/$" ~= nil
      if not commented then
        found[#found + 1] = line:match "([%w_]+)%(" or line
      end
    elseif line == "" then
      commented = false
    end
    previous = line
  end
  return found
end

describe("src/ebb.h", function()
  it("has a comment over each function or group of functions", function()
    local header = read(SOURCE .. "/src/ebb.h")
    assert.is_truthy(header:find "\nEBB_API ")
    assert.same({}, functions_without_comment(header))
  end)
end)
