-- SPDX-License-Identifier: MIT
--
-- cqueues' regressions, each a script, with ebb.cqueues loaded first.

local shell = require "suites.shell"

local tests_in = function(directory)
  local tests = {}
  for _, file in ipairs(shell.files(directory, "[0-9]*.lua")) do
    tests[#tests + 1] = {name = file:match "(.*)%.lua", words = {file}}
  end
  return tests
end

return {
  name = "cqueues",
  sources = {
    {folder = "cqueues", file = "regress/regress.lua",
     from = "github.com/wahern/cqueues at rel-20200726"}
  },
  needs = {cqueues = "lua-cqueues", openssl = "lua-luaossl"},
  with_ebb = 'require "ebb.cqueues"',
  directory = "regress",
  tests = tests_in
}
