-- SPDX-License-Identifier: MIT
--
-- cqueues' regressions, each a script, with ebb.cqueues loaded first.

local shell = require "suites.shell"

return {
  name = "cqueues",
  sources = {
    {folder = "cqueues", file = "regress/regress.lua",
     from = "github.com/wahern/cqueues at rel-20200726"}
  },
  needs = {cqueues = "lua-cqueues", openssl = "lua-luaossl"},
  with_ebb = 'require "ebb.cqueues"',
  directory = "regress",
  tests = function(directory)
    return shell.tests(directory, "[0-9]*.lua", "(.*)%.lua")
  end
}
