-- SPDX-License-Identifier: MIT
--
-- Penlight's tests and its sources, each script of tests in a task.

local readers = require "suites.readers"
local shell = require "suites.shell"

local function tests_in(directory)
  local tests = {}
  for _, file in ipairs(shell.files(directory, "tests/test-*.lua")) do
    tests[#tests + 1] = {name = file, words = {file}}
  end
  local busted = shell.program "busted"
  for _, file in ipairs(shell.files(directory, "spec/*_spec.lua")) do
    local words = {busted, "-o", "TAP", file}
    tests[#tests + 1] = {name = file, words = words, read = readers.tap}
  end
  return tests
end

return {
  name = "Penlight",
  sources = {
    {folder = "penlight", file = "tests/test-app.lua",
     from = "github.com/lunarmodules/Penlight at 1.13.1"}
  },
  needs = {lfs = "lua-filesystem", ["!busted"] = "lua-busted"},
  setup = 'package.path = "lua/?.lua;lua/?/init.lua;" .. package.path',
  in_task = true,
  tests = tests_in
}
