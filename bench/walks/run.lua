-- SPDX-License-Identifier: MIT

-- How far a call walks through the source: the functions it enters are
-- recorded (trace.c), and neighbours in one .c file are one run. The number of
-- runs is that of changes of file, each thread by itself. Functions of headers
-- do not count.

local USAGE <const> = [[
usage: ./dev walks [--tree DIR] [--show] [NAME...]
Prints changes of file, files and calls of each walk, or of those named.
  --tree DIR   the ebb of another source tree
  --show       print each walk too, a line for each change of file
]]

local ROUNDS <const> = 21

local ebb = require "ebb"
local trace = require "trace"

-- ---- the walks: each returns a function that walks once

local names = {"sleep", "abort", "blocking", "read"}
local walks = {}

function walks.sleep()
  local function body() ebb.sleep(0.001) end
  return function() ebb.spawn(body):join() end
end

function walks.abort()
  local map = ebb.JoinMap.new()
  local closed = setmetatable({}, {__close = function() end})
  local function body()
    local _ <close> = closed
    ebb.sleep(1000)
  end
  return function()
    map:spawn("key", body)
    ebb.yield_now()
    map:abort("key")
    map:join_next()
  end
end

local function nothing() end

function walks.blocking()
  return function() ebb.spawn_blocking(nothing):join() end
end

-- The other end is written to, by another task, when the reader waits.
function walks.read()
  local listener <close> = assert(ebb.net.listen("127.0.0.1", 0))
  local _, port = listener:local_name()
  local there = assert(ebb.net.connect("127.0.0.1", port))
  local here = assert(listener:accept())
  local function write() there:write("0123456789abcdef") end
  return function()
    ebb.spawn(write)
    trace.start()
    assert(#here:read(16) == 16)
  end
end

-- ---- what was recorded

-- Fills in each entry's `file`, without the folders above src, and `name`.
local function name_entries(entries, path)
  local list = os.tmpname()
  local file <close> = assert(io.open(list, "w"))
  for _, entry in ipairs(entries) do
    file:write(("%#x\n"):format(entry.address))
  end
  file:close()
  local command = ("addr2line -f -e '%s' <'%s'"):format(path, list)
  local pipe <close> = assert(io.popen(command))
  for _, entry in ipairs(entries) do
    entry.name = pipe:read "l"
    local place = pipe:read "l"
    entry.file = place:match "/src/(.*):[%d?]+" or place
  end
  os.remove(list)
end

-- Returns an array of runs, {file = name, names...}, a thread after the other.
local function runs_of(entries)
  local runs, last = {}, {}
  for _, entry in ipairs(entries) do
    local thread = entry.thread
    if entry.file:find "%.c$" then
      local run = last[thread]
      if not run or run.file ~= entry.file then
        run = {file = entry.file, thread = thread, at = #runs}
        runs[#runs + 1] = run
        last[thread] = run
      end
      run[#run + 1] = entry.name
    end
  end
  table.sort(runs, function(a, b)
    if a.thread ~= b.thread then return a.thread < b.thread end
    return a.at < b.at
  end)
  return runs
end

local function count_files(runs)
  local seen, files, calls = {}, 0, 0
  for _, run in ipairs(runs) do
    if not seen[run.file] then files = files + 1 end
    seen[run.file] = true
    calls = calls + #run
  end
  return files, calls
end

-- Threads meet earlier or later, so one walk differs from the next: takes the
-- one in the middle.
local function measure(walk)
  for _ = 1, 10 do walk() end
  trace.stop()
  local all = {}
  for i = 1, ROUNDS do
    trace.start()
    walk()
    local entries, path = trace.stop()
    name_entries(entries, path)
    all[i] = runs_of(entries)
  end
  table.sort(all, function(a, b) return #a < #b end)
  return all[ROUNDS // 2 + 1]
end

local function show(runs)
  for _, run in ipairs(runs) do
    print(("  %d  %s: %s"):format(run.thread, run.file,
      table.concat(run, " ")))
  end
end

local shown, chosen = false, {}
for _, word in ipairs(arg) do
  if word == "--help" then
    io.write(USAGE)
    os.exit(true)
  elseif word == "--show" then
    shown = true
  elseif walks[word] then
    chosen[#chosen + 1] = word
  else
    io.stderr:write("walks: unknown walk or option '", word, "'\n", USAGE)
    os.exit(false)
  end
end

print(("%-10s %8s %8s %8s"):format("walk", "changes", "files", "calls"))
for _, name in ipairs(#chosen > 0 and chosen or names) do
  local runs = measure(walks[name]())
  print(("%-10s %8d %8d %8d"):format(name, #runs, count_files(runs)))
  if shown then show(runs) end
end
