-- SPDX-License-Identifier: MIT
--
-- luv's tests, with ebb.uv in the place of luv.

local readers = require "suites.readers"
local shell = require "suites.shell"

return {
  name = "luv",
  sources = {
    {folder = "luv", file = "tests/run.lua",
     from = "github.com/luvit/luv at 1.44.2-0"}
  },
  needs = {luv = "lua-luv"},
  with_ebb = 'package.loaded.luv = require "ebb.uv"',
  read = readers.tap,
  tests = function(directory)
    return shell.tests(directory, "tests/test-*.lua", "test%-(.*)%.lua")
  end
}
