-- SPDX-License-Identifier: MIT

-- Runs the workloads of this directory and prints ebb against its peer.
-- bench/README.md says what is measured; --help how to call it.

local USAGE = [[
usage: lua5.4 bench/run.lua [--quick] [NAME...]   (or: ./dev bench ...)
Measures ebb against a plain-Lua scheduler and prints a table.
  --quick   a tenth of the work, fewer repetitions
  --help    this text
  NAME      only these workloads, of:
]]

-- Each file returns an array of workloads, so a new one is a new line here:
--   name    how to choose it on the command line
--   what    title, unit first; %s is replaced by n
--   n       amount of work, passed to the sides
--   plain   function(plain, n) -> figure, smaller is better; absent: no peer
--   lean    the same for lean.lua, for comparison only; absent: not measured
--   ebb     function(ebb, n) -> figure; absent: for reference only
--   ratio   the target: median of ebb/plain is at most this
--   at_most the target: the best figure of ebb is at most this
--   reps    repetitions where the usual number is not wanted
--   extra   true: runs only when named
local FILES = {
  "yield", "spawn_join", "sleeps", "waiting", "pinned", "abort", "pingpong",
  "send", "luayield",
}
local REPS <const>, QUICK_REPS <const> = 9, 3
local SIDES = {"plain", "lean", "ebb"}

local dir = arg[0]:match("^(.*[/\\])") or "./"
package.path = dir .. "?.lua;" .. package.path

local workloads, by_name = {}, {}
for _, file in ipairs(FILES) do
  for _, w in ipairs(require(file)) do
    workloads[#workloads + 1] = w
    by_name[w.name] = w
  end
end

-- A figure is always taken in a process of its own: a heap that another run
-- has grown or fragmented, and another side's live objects, would count too.

local function child(name, side, n)
  collectgarbage("incremental")
  local lib = require(side)
  collectgarbage()
  local figure = by_name[name][side](lib, n)
  io.write(("%.17g\n"):format(figure))
  os.exit(true)  -- without closing the state: a million tasks take their time
end

local function quote(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end

local function interpreter()
  local i = 0
  while arg[i - 1] do i = i - 1 end
  return quote(arg[i])
end

local function measure(w, side, n)
  local command = ("%s %s --child %s %s %d"):format(
    interpreter(), quote(arg[0]), w.name, side, n)
  local pipe <close> = assert(io.popen(command))
  return tonumber(pipe:read("a"))
end

local function median(list)
  table.sort(list)
  local half = #list // 2
  if #list % 2 == 1 then return list[half + 1] end
  return (list[half] + list[half + 1]) / 2
end

-- The sides take turns, and the ratio is the median of the pairs' ratios: what
-- else the machine does meanwhile then hits both. Returns the best figures, the
-- ratio, and which sides failed (their errors are on stderr already).
local function compare(w, n, reps)
  local best, ratios, failed = {}, {}, {}
  for _ = 1, reps do
    local figure = {}
    for _, side in ipairs(SIDES) do
      if w[side] and not failed[side] then
        local x = measure(w, side, n)
        figure[side] = x
        failed[side] = not x or nil
        best[side] = x and math.min(x, best[side] or x)
      end
    end
    if figure.plain and figure.ebb then
      ratios[#ratios + 1] = figure.ebb / figure.plain
    end
  end
  return best, #ratios > 0 and median(ratios) or nil, failed
end

local function thousands(n)
  local s = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (s:gsub("^,", ""))
end

local function show(x)
  if not x then return "-" end
  return (x < 100 and "%.2f" or "%.0f"):format(x)
end

local ROW <const> = "%-10s %-46s %7s %7s %7s %6s %8s %s"

-- Returns the target as text, and how the figures stand to it.
local function judge(w, ebb, ratio)
  if w.ratio then
    return ("<= %.2fx"):format(w.ratio), ratio and ratio <= w.ratio
  elseif w.at_most then
    return ("<= %d"):format(w.at_most), ebb and ebb <= w.at_most
  end
  return "", nil
end

local VERDICT = {[true] = "ok", [false] = "MISS"}

local function report(w, quick)
  local n = quick and w.n // 10 or w.n
  local reps = w.reps or (quick and QUICK_REPS or REPS)
  local best, ratio, failed = compare(w, n, reps)
  local target, met = judge(w, best.ebb, ratio)
  print(ROW:format(w.name, w.what:format(thousands(n)),
    failed.plain and "error" or show(best.plain),
    failed.lean and "error" or show(best.lean),
    failed.ebb and "error" or show(best.ebb),
    show(ratio), target, VERDICT[met] or ""))
  io.stdout:flush()
  return not next(failed)
end

local function first_match(open, name, pattern)
  local file <close> = open(name)
  local text = file and file:read("a") or ""
  return text:match(pattern) or "unknown"
end

local function machine()
  return ("%s; %s; Linux %s"):format(
    first_match(io.popen, interpreter() .. " -v 2>&1", "^(%S+ %S+)"),
    first_match(io.open, "/proc/cpuinfo", "model name%s*:%s*([^\n]+)"),
    first_match(io.open, "/proc/sys/kernel/osrelease", "[^\n]+"))
end

local function help()
  io.write(USAGE)
  for _, w in ipairs(workloads) do
    io.write(("    %-10s  %s%s\n"):format(w.name,
      w.what:format(thousands(w.n)), w.extra and " (only if named)" or ""))
  end
end

-- Without ebb, the figures of the peer are still worth having.
local function find_ebb()
  local ok, err = pcall(require, "ebb")
  if ok then return true end
  io.stderr:write("bench: cannot load ebb, try ./dev bench (",
    tostring(err):match("[^\n]*"), ")\n")
  SIDES = {"plain", "lean"}
  return false
end

local function main()
  local quick, named = false, {}
  for _, word in ipairs(arg) do
    if word == "--help" or word == "-h" then return help() end
    if word == "--quick" then
      quick = true
    elseif by_name[word] then
      named[word] = true
    else
      io.stderr:write("bench: unknown workload or option '", word,
        "', see --help\n")
      os.exit(false)
    end
  end
  local all_ran = find_ebb()
  print(machine())
  print(ROW:format("workload", "", "plain", "lean", "ebb", "ratio", "target",
    "verdict"))
  for _, w in ipairs(workloads) do
    if named[w.name] or not next(named) and not w.extra then
      all_ran = report(w, quick) and all_ran
    end
  end
  if not all_ran then os.exit(false) end
end

if arg[1] == "--child" then
  child(arg[2], arg[3], math.tointeger(arg[4]))
else
  main()
end
