-- SPDX-License-Identifier: MIT

-- Instructions that one round of a workload takes, counted by callgrind: those
-- of three times n rounds less those of n, so that what is done once does not
-- count. Figures are the same on a busy machine and an idle one.

local USAGE <const> = [[
usage: ./dev instructions [--tree DIR] [--compare FILE] [NAME...]
Prints the instructions of each workload, or of those named.
  --tree DIR       the ebb of another source tree
  --compare FILE   what this printed before; adds columns for it
]]

local workloads = {}

-- Each entry: name, n, and what returns a function that does n rounds.
local function workload(name, n, prepare)
  workloads[#workloads + 1] = {name = name, n = n, prepare = prepare}
  workloads[name] = workloads[#workloads]
end

local BATCH <const> = 100

-- A hundred tasks that do the same, in turn.
local function in_turn(run)
  return function(ebb)
    return function(n)
      local set = ebb.JoinSet.new()
      for _ = 1, BATCH do set:spawn(run, ebb, n // BATCH) end
      for ok in set.join_next, set do assert(ok) end
    end
  end
end

workload("yield_now", 20000, in_turn(function(ebb, n)
  for _ = 1, n do ebb.yield_now() end
end))

-- `body_of(key)` is the function of a task.
local function spawn_and_join(body_of)
  return function(ebb)
    local map = ebb.JoinMap.new()
    return function(n)
      for _ = 1, n // BATCH do
        for key = 1, BATCH do map:spawn(key, body_of(key), key) end
        for _, ok in map.join_next, map do assert(ok) end
      end
    end
  end
end

local function return_key(key) return key end

workload("join_map", 10000, spawn_and_join(function() return return_key end))

workload("join_map_closures", 10000, spawn_and_join(function(key)
  return function() return key end
end))

workload("spawn_join", 10000, function(ebb)
  return function(n)
    for key = 1, n do ebb.spawn(return_key, key):join() end
  end
end)

workload("abort_by_key", 10000, function(ebb)
  local map = ebb.JoinMap.new()
  local function body() ebb.sleep(1000) end
  return function(n)
    for _ = 1, n // BATCH do
      for key = 1, BATCH do map:spawn(key, body) end
      ebb.yield_now()
      for key = 1, BATCH do map:abort(key) end
      for _, ok in map.join_next, map do assert(not ok) end
    end
  end
end)

workload("sleep", 5000, in_turn(function(ebb, n)
  for _ = 1, n do ebb.sleep(1) end
end))

workload("channel", 10000, function(ebb)
  local to, at = ebb.sync.channel(1)
  local back_to, back_at = ebb.sync.channel(1)
  ebb.spawn(function()
    for value in at.recv, at do back_to:send(value) end
  end)
  return function(n)
    for i = 1, n do
      to:send(i)
      assert(back_at:recv() == i)
    end
  end
end)

workload("semaphore", 20000, function(ebb)
  local semaphore = ebb.sync.Semaphore.new(1)
  return function(n)
    for _ = 1, n do semaphore:acquire():release() end
  end
end)

workload("spawn_blocking", 1000, function(ebb)
  local function nothing() end
  return function(n)
    for _ = 1, n do assert(ebb.spawn_blocking(nothing):join()) end
  end
end)

workload("echo", 5000, function(ebb)
  local listener = assert(ebb.net.listen("127.0.0.1", 0))
  local _, port = listener:local_name()
  local there = assert(ebb.net.connect("127.0.0.1", port))
  local here = assert(listener:accept())
  ebb.spawn(function()
    while true do there:write(there:read(64)) end
  end)
  local message = ("x"):rep(64)
  return function(n)
    for _ = 1, n do
      here:write(message)
      assert(here:read(64) == message)
    end
  end
end)

-- ---- the process that callgrind runs

local function child(name, n)
  local ebb = require "ebb"
  ebb.time.pause()
  assert(ebb.spawn(function() workloads[name].prepare(ebb)(n) end):join())
  os.exit(true)  -- without closing the state
end

-- ---- the process that counts

local function count(name, n)
  local command = ("valgrind --tool=callgrind --callgrind-out-file=/dev/null "
    .. "lua5.4 '%s' --child %s %d 2>&1"):format(arg[0], name, n)
  local pipe <close> = assert(io.popen(command))
  local output = pipe:read "a"
  return tonumber(output:match "Collected : (%d+)") or error(output, 0)
end

local function measure(w)
  return (count(w.name, 3 * w.n) - count(w.name, w.n)) / (2 * w.n)
end

local function read_figures(path)
  local figures = {}
  for line in io.lines(path) do
    local name, figure = line:match "^(%S+)%s+(%d+)"
    if name then figures[name] = tonumber(figure) end
  end
  return figures
end

local function main()
  local before, chosen, i = nil, {}, 1
  while arg[i] do
    if arg[i] == "--help" then
      io.write(USAGE)
      return
    elseif arg[i] == "--compare" and arg[i + 1] then
      i = i + 1
      before = read_figures(arg[i])
    elseif workloads[arg[i]] then
      chosen[#chosen + 1] = workloads[arg[i]]
    else
      io.stderr:write("instructions: unknown workload or option '", arg[i],
        "'\n", USAGE)
      os.exit(false)
    end
    i = i + 1
  end
  print(("%-18s %12s"):format("workload", "instructions")
    .. (before and ("%12s %8s"):format("before", "ratio") or ""))
  for _, w in ipairs(#chosen > 0 and chosen or workloads) do
    local now = measure(w)
    local old = before and before[w.name]
    print(("%-18s %12.0f"):format(w.name, now)
      .. (old and ("%12.0f %8.3f"):format(old, now / old) or ""))
    io.stdout:flush()
  end
end

if arg[1] == "--child" then
  child(arg[2], math.tointeger(arg[3]))
else
  main()
end
