-- A task may wait anywhere: here in the comparator of table.sort, and in a
-- generator. It is always the whole task that waits: neither the sort nor
-- the loop over the generator's values notices.
--
-- Run: ./dev run examples/04_wait_anywhere.lua
--
-- Prints:
--   the jury is asked a question
--   the clock strikes 1
--   the jury is asked a question
--   the clock strikes 2
--   the jury is asked a question
--   the clock strikes 3
--   the jury prefers apple, pear, plum

local ebb = require "ebb"

local jury = ebb.spawn(function()
  local fruit = {"pear", "plum", "apple"}
  table.sort(fruit, function(a, b)
    print "the jury is asked a question"
    ebb.yield_now() -- the answer takes a while
    return a < b
  end)
  return table.concat(fruit, ", ")
end)

local strokes = coroutine.wrap(function()
  for hour = 1, 3 do
    ebb.yield_now() -- lets the jury run, gives the loop nothing
    coroutine.yield(hour) -- gives the loop a value, lets nobody run
  end
end)

for hour in strokes do
  print("the clock strikes " .. hour)
end
print("the jury prefers " .. jury:await())
