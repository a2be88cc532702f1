-- Programs that end while tasks of theirs wait.

local assert = require "luassert"

local closing = {}

-- `guarded(name, place)` spawns a task whose clean-up prints its name; it
-- waits, for good, where `place` puts it.
closing.PRELUDE = [[
  local ebb = require "ebb"
  local function closer(f) return setmetatable({}, {__close = f}) end
  local function directly(f) f() end
  local function in_sort(f) table.sort({2, 1}, f) end
  local function in_generator(f) coroutine.wrap(f)() end
  local function forever() ebb.sleep(1e6) end
  local function guarded(name, place, wait)
    ebb.spawn(function()
      place(function()
        local _ <close> = closer(function() print(name .. " closed") end)
        wait()
        print(name .. " must not go on")
      end)
    end)
  end
]]

closing.THREE = closing.PRELUDE .. [[
  guarded("plain", directly, forever)
  guarded("sort", in_sort, forever)
  guarded("generator", in_generator, forever)
  ebb.yield_now()
]]

function closing.assert_three_closed(out)
  local lines = {}
  for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
  table.sort(lines)
  assert.same({"generator closed", "plain closed", "sort closed"}, lines)
end

return closing
