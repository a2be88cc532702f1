-- SPDX-License-Identifier: MIT
--
-- Penlight's tests and its sources, each test in a task.

local shell = require "suites.shell"

return {
  name = "Penlight",
  sources = {
    {folder = "penlight", file = "tests/test-app.lua",
     from = "github.com/lunarmodules/Penlight at 1.13.1"}
  },
  needs = {lfs = "lua-filesystem"},
  setup = 'package.path = "lua/?.lua;lua/?/init.lua;" .. package.path',
  in_task = true,
  tests = function(directory)
    local tests = {}
    for _, file in ipairs(shell.files(directory, "tests/test-*.lua")) do
      tests[#tests + 1] = {name = file:match "test%-(.*)%.lua", words = {file}}
    end
    return tests
  end
}
