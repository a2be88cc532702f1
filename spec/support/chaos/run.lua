-- Runs programs of chaos/program.lua by their seeds, in processes of their
-- own, makes one that fails smaller, and prints it.
--
-- `try(text, way, seconds)` runs a text in one of the `WAYS` ways to have and
-- to close a state; it gives nil, or how the process failed and what it
-- wrote.

local program = require "chaos.program"

local WAYS <const>, PATIENCE <const>, LESS <const> = 4, 60, 5

local function read(name)
  local path = assert(package.searchpath("chaos." .. name, package.path))
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local world = read "world"

local function in_world(text)
  return ("local world = [======[%s]======]\n"):format(world) ..
         'load(world, "=world")(world)\n' .. text
end

return function(try, first, last)
  local failures = 0

  local function fails(seed, left_out, seconds)
    local text = in_world((program(seed, left_out)))
    return try(text, seed % WAYS, seconds)
  end

  -- Leaves out all that it can without making the failure go away.
  local function smallest(seed, count)
    local left_out = {}
    for number = 1, count do
      left_out[number] = true
      if not fails(seed, left_out, LESS) then left_out[number] = nil end
    end
    return left_out
  end

  local function report(seed, how, output)
    failures = failures + 1
    local _, count = program(seed)
    print(("seed %d, way %d: %s\n%s"):format(seed, seed % WAYS, how, output))
    io.stdout:flush()
    if os.getenv "EBB_CHAOS_WHOLE" then return end
    local text = program(seed, smallest(seed, count))
    print(("seed %d comes down to:\n%s"):format(seed, text))
    io.stdout:flush()
  end

  for seed = first, last do
    local how, output = fails(seed, nil, PATIENCE)
    if how then report(seed, how, output) end
  end
  print(("%d programs, %d failed"):format(last - first + 1, failures))
  return failures
end
