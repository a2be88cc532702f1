-- #threads
-- SPDX-License-Identifier: MIT
-- An error that cannot be sent to another thread is sent as text. Its
-- __tostring ran on a Lua thread that all such errors share, and could wait
-- there: two that waited at once tore each other's frames, and the process
-- with them. One that failed was reported as want of memory.
local ebb = require "ebb"

local function fail_with(tostring)
  local unsendable = coroutine.create(print)
  error(setmetatable({unsendable}, {__tostring = tostring}))
end

describe("the __tostring of an error for another thread", function()
  it("cannot wait", function()
    local runtime <close> = ebb.Runtime.new()
    local handles = {}
    for i = 1, 4 do
      handles[i] = ebb.spawn_on(function(n)
        local inner = require "ebb"
        local waited, err
        fail_with(function()
          waited, err = pcall(function()
            for _ = 1, n do inner.yield_now() end
          end)
          return ("%s: %s, and %d"):format(waited, err, n)
        end)
      end, runtime:handle(), i)
    end
    for i = 1, 4 do
      local ok, err = handles[i]:join()
      assert.is_false(ok)
      local text = err:into_panic()
      assert.matches("^false: .*cannot wait inside the __tostring of an error",
                     text)
      assert.matches(", and " .. i .. "$", text)
    end
  end)

  it("may fail, and leaves the type of the error", function()
    for _, bad in ipairs {
      function() error "no text" end,
      function() return {} end,
      function() coroutine.yield() end,
    } do
      local ok, err = ebb.spawn_blocking(function()
        fail_with(bad)
      end):join()
      assert.is_false(ok)
      assert.equal("(error object is a table value)", err:into_panic())
    end
  end)
end)
