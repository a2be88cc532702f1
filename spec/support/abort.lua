-- Tasks that are aborted while they wait.

local assert = require "luassert"
local ebb = require "ebb"

local abort = {}

-- Spawns a task, lets it come to its first wait, aborts it and joins it.
function abort.waiting(body)
  local task = ebb.spawn(body)
  ebb.yield_now()
  task:abort()
  return task:join()
end

function abort.assert_cancelled(ok, err)
  assert.is_false(ok)
  assert.is_true(err:is_cancelled())
end

-- Each runs `hold`, which does not return, where Lua could not yield.
abort.PLACES = {
  ["a sort comparator"] = function(hold) table.sort({3, 2, 1}, hold) end,
  ["a sort comparator in pcall"] = function(hold)
    pcall(table.sort, {3, 2, 1}, hold)
  end,
  ["a gsub callback"] = function(hold) string.gsub("abc", ".", hold) end,
  ["nested gsub callbacks"] = function(hold)
    string.gsub("a", ".", function() string.gsub("b", ".", hold) end)
  end,
  ["a metamethod"] = function(hold)
    return setmetatable({}, {__index = hold}).field
  end,
  ["a metamethod called from C"] = function(hold)
    tostring(setmetatable({}, {__tostring = hold}))
  end,
  ["a message handler"] = function(hold) xpcall(error, hold, "boom") end,
  ["a generator"] = function(hold) coroutine.wrap(hold)() end,
  ["a generator in a generator"] = function(hold)
    coroutine.wrap(function() coroutine.wrap(hold)() end)()
  end,
  ["a sort comparator in a generator"] = function(hold)
    coroutine.wrap(function() table.sort({3, 2, 1}, hold) end)()
  end,
  ["a generator in a sort comparator"] = function(hold)
    table.sort({3, 2, 1}, function() coroutine.wrap(hold)() end)
  end,
}

return abort
