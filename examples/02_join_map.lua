-- Tasks by key in a JoinMap: results come as the tasks end, a task that
-- panics is one failed key, and a key that is spawned again is replaced.
--
-- Run: ./dev run examples/02_join_map.lua
--
-- Prints:
--   4 tasks
--   bread is sold out
--   cheese costs 250
--   apple costs 30
--   plum costs 45
--   0 tasks

local ebb = require "ebb"

local PRICES = {apple = 30, cheese = 250, plum = 40}

-- Stands for a question to a slow server.
local function price_of(name, seconds)
  ebb.sleep(seconds)
  return PRICES[name] or error("sold out", 0)
end

local map <close> = ebb.JoinMap.new()
map:spawn("apple", price_of, "apple", 0.03)
map:spawn("bread", price_of, "bread", 0.01)
map:spawn("cheese", price_of, "cheese", 0.02)
map:spawn("plum", price_of, "plum", 0.001)

-- Replaces the task of "plum", whose result nobody will see.
PRICES.plum = 45
map:spawn("plum", price_of, "plum", 0.04)
print(#map .. " tasks")

for name, ok, price in map.join_next, map do
  if ok then
    print(name .. " costs " .. price)
  else
    print(name .. " is " .. price:into_panic()) -- a JoinError
  end
end
print(#map .. " tasks")
