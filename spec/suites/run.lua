-- SPDX-License-Identifier: MIT
--
-- `./dev suites`: the test suites of other projects, with ebb beside stock.

local here = arg[0]:match "^(.*)/suites/[^/]*$"
package.path = here .. "/?.lua;" .. here .. "/support/?.lua;" .. package.path

local runner = require "suites.runner"
local shell = require "suites.shell"

local NAMES <const> = {
  "lua", "lua_turns", "luasocket", "luv", "cqueues", "lua_http", "copas",
  "penlight", "lpeg"
}

local USAGE <const> = [[
usage: EBB_SUITES=FOLDER ./dev suites [-v] [SUITE...]

Runs the tests of other projects twice, with the stock interpreter alone and
with ebb, and says what fails only with ebb, three times in a row: then the exit
code is 1. With -v it shows what those tests have printed.

FOLDER has the sources, a folder a suite; nothing is fetched. Without them, or
without the libraries it needs, a suite is skipped with a line that says so.
]]

local function suite_of(name)
  local path = package.searchpath("suites.list." .. name, package.path)
  return path and dofile(path)
end

-- Adds a line that is new.
local function add(lines, line)
  if lines[line] then return end
  lines[#lines + 1], lines[line] = line, true
end

local function help()
  local folders, packages = {}, {}
  for _, name in ipairs(NAMES) do
    local suite = suite_of(name)
    for _, source in ipairs(suite.sources) do
      add(folders, ("  %-14s %s"):format(source.folder, source.from))
    end
    for _, needed in pairs(suite.needs or {}) do add(packages, needed) end
  end
  table.sort(packages)
  print(USAGE)
  print("Suites: " .. table.concat(NAMES, " "))
  print("\nFolders:\n" .. table.concat(folders, "\n"))
  print("\nDebian packages: " .. table.concat(packages, " "))
end

local function die(message)
  io.stderr:write("suites: ", message, "\n")
  os.exit(2)
end

local function read_arguments()
  local options = {names = {}}
  for _, word in ipairs(arg) do
    if word == "-v" then
      options.verbose = true
    elseif word == "-h" or word == "--help" then
      options.help = true
    elseif suite_of(word) then
      table.insert(options.names, word)
    else
      die(("there is no suite '%s'; try --help"):format(word))
    end
  end
  if not options.names[1] then options.names = NAMES end
  return options
end

local ROW <const> = "%-10s %14s %14s   %s"

local function counts(results)
  return ("%d / %d"):format(results:count "passed", results:count "failed")
end

local function show_list(headline, names, outputs)
  for _, name in ipairs(names) do
    print(("  %s: %s"):format(headline, name))
    if outputs then print(outputs[name]) end
  end
end

-- Whether nothing fails only with ebb.
local function run(name, root, verbose)
  local suite = suite_of(name)
  local result, why = runner.run(suite, root)
  if not result then
    print(("%-10s %s"):format(suite.name, why))
    return true
  end
  local stock, ebb = result.stock, result.ebb
  local clean = #result.only_with_ebb == 0
  print(ROW:format(suite.name, counts(stock), counts(ebb),
                   clean and "" or #result.only_with_ebb .. " only with ebb"))
  show_list("fails only with ebb", result.only_with_ebb,
            verbose and ebb.outputs)
  show_list("failed with ebb, then passed", result.unsteady)
  show_list("fails in both", result.in_both)
  io.stdout:flush()
  return clean
end

local function main()
  local options = read_arguments()
  if options.help then return help() end
  local root = os.getenv "EBB_SUITES"
  if not root or root == "" then
    die("EBB_SUITES is not set: it names the folder with the sources of the " ..
        "suites; try --help")
  end
  if not shell.exists(root) then die("there is no folder " .. root) end
  print(ROW:format("suite", "stock", "with ebb", "(passed / failed)"))
  local clean = true
  for _, name in ipairs(options.names) do
    clean = run(name, root, options.verbose) and clean
  end
  os.exit(clean)
end

main()
