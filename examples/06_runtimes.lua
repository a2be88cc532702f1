-- A runtime per core: each is a scheduler with a Lua state of its own on a
-- thread of its own. A JoinMap here spawns a job's pieces over there, and
-- joins their results as it joins those of its own tasks.
--
-- Run: ./dev run examples/06_runtimes.lua
--
-- Prints:
--   0 to 49999: 5133 primes
--   50000 to 99999: 4459 primes
--   100000 to 149999: 4256 primes
--   150000 to 199999: 4136 primes
--   17984 primes below 200000

local ebb = require "ebb"

local function core_count()
  local pipe <close> = assert(io.popen("nproc"))
  return tonumber(pipe:read("l")) or 1
end

local function is_prime(n)
  for i = 2, math.floor(math.sqrt(n)) do
    if n % i == 0 then return false end
  end
  return n > 1
end

-- Runs in another state, and so gets copies; `is_prime` comes along.
local function count_primes(first, last)
  local count = 0
  for n = first, last do
    if is_prime(n) then count = count + 1 end
  end
  return count
end

local runtimes = {}
for core = 1, core_count() do
  runtimes[core] = ebb.Runtime.new {name = "core " .. core}
end

local LIMIT <const>, PIECE <const> = 200000, 50000
local map <close> = ebb.JoinMap.new()
for first = 0, LIMIT - 1, PIECE do
  local rt = runtimes[first // PIECE % #runtimes + 1]
  map:spawn_on(first, count_primes, rt:handle(), first, first + PIECE - 1)
end

local counts, total = {}, 0
for first, ok, count in map.join_next, map do
  counts[first] = ok and count or error(count)
  total = total + count
end
for first = 0, LIMIT - 1, PIECE do
  print(("%d to %d: %d primes"):format(first, first + PIECE - 1, counts[first]))
end
print(("%d primes below %d"):format(total, LIMIT))

for _, rt in ipairs(runtimes) do assert(rt:shutdown()) end
