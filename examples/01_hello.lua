-- The first steps: spawn tasks, let them take turns, join their results.
--
-- Run: ./dev run examples/01_hello.lua
--
-- Prints:
--   main: two tasks are spawned, none has run yet
--   hare: step 1
--   tortoise: step 1
--   hare: step 2
--   tortoise: step 2
--   main: hare has walked 2 steps
--   main: tortoise has walked 2 steps

local ebb = require "ebb"

local function walk(name, steps)
  for step = 1, steps do
    print(name .. ": step " .. step)
    ebb.yield_now() -- the other tasks run here
  end
  return ("%s has walked %d steps"):format(name, steps)
end

local hare = ebb.spawn(walk, "hare", 2)
local tortoise = ebb.spawn(walk, "tortoise", 2)
print "main: two tasks are spawned, none has run yet"

-- The main chunk needs no wrapper: it waits like any task.
print("main: " .. hare:await())
print("main: " .. tortoise:await())
