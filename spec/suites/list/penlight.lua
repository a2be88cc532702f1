-- SPDX-License-Identifier: MIT
--
-- Penlight's tests and its sources, each script of tests in a task.

local readers = require "suites.readers"
local shell = require "suites.shell"

local function tests_in(directory)
  local tests = shell.tests(directory, "tests/test-*.lua", ".*")
  local specs = shell.tests(directory, "spec/*_spec.lua", ".*",
                            {shell.program "busted", "-o", "TAP"})
  for _, test in ipairs(specs) do
    test.read = readers.tap
    tests[#tests + 1] = test
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
