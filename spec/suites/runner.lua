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
  add("lua5.4", "-e", OLDER)
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
  return setmetatable({
    names = {}, verdicts = {}, outputs = {}, passed = 0, failed = 0,
    skipped = 0
  }, Results)
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
  self[verdict] = self[verdict] + 1
end

local function run_test(suite, test, directory, with_ebb, results)
  local words = words_of(suite, test.words, test.setup, with_ebb)
  local server = test.server and words_of(suite, test.server, nil, with_ebb)
  local output, ended_well = shell.run(directory, LIMIT, words, server)
  local read = test.read or suite.read or readers.exit
  read(output, ended_well, function(name, verdict)
    local full = name == "" and test.name or test.name .. ": " .. name
    results:add(full, verdict, output)
  end)
end

local function run_with(suite, folder, with_ebb)
  local copy <close> = shell.copy(folder)
  if suite.prepare then suite.prepare(copy.path) end
  local directory = copy.path .. "/" .. (suite.directory or ".")
  local results = Results.new()
  for _, test in ipairs(suite.tests(directory)) do
    run_test(suite, test, directory, with_ebb, results)
  end
  return results
end

-- Those that pass without ebb, and do not with it.
local function only_with_ebb(stock, ebb)
  local list = {}
  for _, name in ipairs(stock.names) do
    local passed = stock.verdicts[name] == "passed"
    if passed and ebb.verdicts[name] ~= "passed" then list[#list + 1] = name end
  end
  -- And those that exist with ebb only, such as an early end.
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

local function missing_sources(suite, root)
  for _, source in ipairs(suite.sources) do
    local folder = root .. "/" .. source.folder
    if not shell.exists(folder .. "/" .. source.file) then
      return ("is skipped: %s is not in %s"):format(source.from, folder)
    end
  end
end

-- `root` is the folder that has the suites' folders. Gives what happened with
-- `stock` and `ebb`, and the names of the tests that fail `only_with_ebb` and
-- `in_both`; or nil, and why the suite cannot run.
function runner.run(suite, root)
  local folder = root .. "/" .. suite.sources[1].folder
  local missing = missing_sources(suite, root) or
                  programs.missing(suite.needs or {})
  if missing then return nil, missing end
  local stock = run_with(suite, folder, false)
  local ebb = run_with(suite, folder, true)
  return {
    stock = stock, ebb = ebb, only_with_ebb = only_with_ebb(stock, ebb),
    in_both = in_both(stock, ebb)
  }
end

return runner
