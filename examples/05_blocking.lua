-- Blocking work: functions that read files and compute for a while run on
-- threads of a pool, while the tasks here take their turns. Each thread has a
-- Lua state of its own, so functions, arguments and results are copied there
-- and back; an error that one raises is a panic of its task, as always.
--
-- Run: ./dev run examples/05_blocking.lua
-- or, with files of your choice: ./dev run examples/05_blocking.lua FILE...
--
-- Prints:
--   tick 1
--   tick 2
--   tick 3
--   .editorconfig: be6ec905
--   LICENSE: 5755e1c5
--   no/such/file: No such file or directory

local ebb = require "ebb"

-- FNV-1a, over and over, to be slow, as a hash of passwords is.
local function hash(text)
  local sum = 0x811c9dc5
  for _ = 1, 200 do
    for i = 1, #text do
      sum = (sum ~ text:byte(i)) * 0x01000193 & 0xffffffff
    end
  end
  return ("%08x"):format(sum)
end

-- `hash` is an upvalue, and is sent along.
local function hash_file(path)
  local file <close>, message = io.open(path, "rb")
  if not file then error(message, 0) end
  return hash(file:read("a"))
end

local ticker = ebb.spawn(function()
  for i = 1, 3 do
    ebb.sleep(0.001)
    print("tick " .. i) -- no hashing holds it up
  end
end)

local paths = arg[1] and arg or {".editorconfig", "LICENSE", "no/such/file"}
local map <close> = ebb.JoinMap.new()
for _, path in ipairs(paths) do map:spawn_blocking(path, hash_file, path) end

local lines = {} -- they finish in any order
for path, ok, result in map.join_next, map do
  lines[#lines + 1] = ok and path .. ": " .. result or result:into_panic()
end
table.sort(lines)
ticker:await()
print(table.concat(lines, "\n"))
