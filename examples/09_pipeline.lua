-- A pipeline with back-pressure: a source, two workers and a sink, with
-- bounded channels between them. The source is fast, but cannot run ahead of
-- the workers by more than what fits between them: its send waits.
--
-- Run: ./dev run examples/09_pipeline.lua
--
-- Prints:
--   worker 1: 1 -> 1
--   worker 2: 2 -> 4
--   worker 1: 3 -> 9
--   worker 2: 4 -> 16
--   worker 1: 5 -> 25
--   worker 2: 6 -> 36
--   the sum is 91
--   the source was at most 4 numbers ahead

local ebb = require "ebb"
ebb.time.pause() -- virtual time: the example need not take half a minute

local numbers, to_square = ebb.sync.channel(2)
local squares, to_sum = ebb.sync.channel(2)
local ahead, most_ahead = 0, 0

local function source(n)
  for i = 1, n do
    numbers:send(i) -- waits while two numbers are in the channel
    ahead = ahead + 1
    most_ahead = math.max(most_ahead, ahead)
  end
  numbers:close() -- the workers' loops end when it is empty
end

local function worker(name)
  for n in to_square.recv, to_square do
    ebb.sleep(10)
    print(("worker %d: %d -> %d"):format(name, n, n * n))
    squares:send(n * n)
  end
end

local stages = ebb.JoinSet.new()
stages:spawn(source, 6)
ebb.spawn(function()
  local workers <close> = ebb.JoinSet.new()
  for name = 1, 2 do workers:spawn(worker, name) end
  workers:join_all()
  squares:close()
end)

local sum = 0
for square in to_sum.recv, to_sum do
  ahead = ahead - 1
  sum = sum + square
end
stages:join_all()
print("the sum is " .. sum)
print(("the source was at most %d numbers ahead"):format(most_ahead))
