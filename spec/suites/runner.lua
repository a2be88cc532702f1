-- SPDX-License-Identifier: MIT
--
-- Runs a suite of another project twice, with the stock interpreter alone and
-- then with ebb, and compares test by test.

local programs = require "programs"
local readers = require "suites.readers"
local shell = require "suites.shell"

programs.use_older_modules()

-- The same for the programs that are run.
local OLDER <const> = [[for _, version in ipairs {"5.3", "5.2"} do
  package.path = ("%s;/usr/share/lua/%s/?.lua"):format(package.path, version)
end]]

local runner = {}

local here <const> = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"

-- No test needs this many seconds by itself.
local LIMIT <const> = 300

-- The command line of a script and its arguments.
local function words_of(suite, script, setup, with_ebb)
  local words = {table.unpack(suite.run_by or {})}
  local function add(...)
    for _, word in ipairs {...} do words[#words + 1] = word end
  end
  add(suite.interpreter or "lua5.4", "-e", OLDER)
  if with_ebb and suite.with_ebb then add("-e", suite.with_ebb) end
  if suite.setup then add("-e", suite.setup) end
  if setup then add("-e", setup) end
  if with_ebb and suite.in_task then add(here .. "/in_task.lua") end
  add(table.unpack(script))
  return words
end

-- The verdicts by the names of tests, which are in order, too. Names that come
-- more than once get numbers.
local Results = {}
Results.__index = Results

function Results.new()
  return setmetatable({names = {}, verdicts = {}, outputs = {}}, Results)
end

function Results:add(name, verdict, output)
  local unique, n = name, 1
  while self.verdicts[unique] do
    n = n + 1
    unique = ("%s (%d)"):format(name, n)
  end
  self.names[#self.names + 1] = unique
  self.verdicts[unique] = verdict
  self.outputs[unique] = output
end

function Results:add_all(other)
  for _, name in ipairs(other.names) do
    self:add(name, other.verdicts[name], other.outputs[name])
  end
end

function Results:count(verdict)
  local n = 0
  for _, each in pairs(self.verdicts) do
    if each == verdict then n = n + 1 end
  end
  return n
end

-- A folder to run a suite in, with or without ebb; to be closed.
local function place_for(suite, folder, with_ebb)
  local copy = shell.copy(folder)
  if suite.prepare then suite.prepare(copy.path) end
  copy.directory = copy.path .. "/" .. (suite.directory or ".")
  copy.with_ebb = with_ebb
  return copy
end

-- One program may have many tests.
local function run_program(suite, test, place)
  local words = words_of(suite, test.words, test.setup, place.with_ebb)
  local server = test.server and
                 words_of(suite, test.server, nil, place.with_ebb)
  local limit = test.limit or LIMIT
  local output, ended_well = shell.run(place.directory, limit, words, server)
  local read = test.read or suite.read or readers.exit
  local results = Results.new()
  read(output, ended_well, function(name, verdict)
    local full = name == "" and test.name or test.name .. ": " .. name
    results:add(full, verdict, output)
  end)
  return results
end

-- Those that pass without ebb and do not with it, and those that exist with
-- ebb only, such as an early end.
local function only_with_ebb(stock, ebb)
  local list = {}
  for _, name in ipairs(stock.names) do
    local passed = stock.verdicts[name] == "passed"
    if passed and ebb.verdicts[name] ~= "passed" then list[#list + 1] = name end
  end
  for _, name in ipairs(ebb.names) do
    local new = stock.verdicts[name] == nil
    if new and ebb.verdicts[name] == "failed" then list[#list + 1] = name end
  end
  return list
end

local function in_both(stock, ebb)
  local list = {}
  for _, name in ipairs(stock.names) do
    if stock.verdicts[name] == "failed" and ebb.verdicts[name] == "failed" then
      list[#list + 1] = name
    end
  end
  return list
end

local function append(list, more)
  table.move(more, 1, #more, #list + 1, list)
end

-- Many tests of others measure how long something takes, and fail on a machine
-- that is busy. One that fails only with ebb is tried again, and is `unsteady`
-- if it passes then.
local TRIES <const> = 3

local function compare(suite, test, places, result)
  local stock = run_program(suite, test, places.stock)
  local ebb, failed, before
  for _ = 1, TRIES do
    ebb = run_program(suite, test, places.ebb)
    failed, before = only_with_ebb(stock, ebb), failed
    if not failed[1] then break end
  end
  result.stock:add_all(stock)
  result.ebb:add_all(ebb)
  append(result.only_with_ebb, failed)
  if before and not failed[1] then append(result.unsteady, before) end
  append(result.in_both, in_both(stock, ebb))
end

local function compare_all(suite, folder)
  local stock <close> = place_for(suite, folder, false)
  local ebb <close> = place_for(suite, folder, true)
  local result = {
    stock = Results.new(), ebb = Results.new(), only_with_ebb = {},
    unsteady = {}, in_both = {}
  }
  for _, test in ipairs(suite.tests(stock.directory)) do
    compare(suite, test, {stock = stock, ebb = ebb}, result)
  end
  return result
end

local function missing_sources(suite, root)
  for _, source in ipairs(suite.sources) do
    local folder = root .. "/" .. source.folder
    if not shell.exists(folder .. "/" .. source.file) then
      return ("is skipped: %s is not in %s"):format(source.from, folder)
    end
  end
end

-- `root` is the folder that has the suites' folders. Gives what happened with
-- `stock` and `ebb`, and the names of the tests that fail `only_with_ebb`, were
-- `unsteady` or failed `in_both`; or nil, and why the suite cannot run.
function runner.run(suite, root)
  local missing = missing_sources(suite, root) or
                  programs.missing(suite.needs or {})
  if missing then return nil, missing end
  return compare_all(suite, root .. "/" .. suite.sources[1].folder)
end

return runner
