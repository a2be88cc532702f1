-- SPDX-License-Identifier: MIT
--
-- copas' tests and its sources, with ebb.socket in the place of LuaSocket, in
-- a task.

local shell = require "suites.shell"

-- Scripts that take a URL.
local ARGUMENTS <const> = {["request.lua"] = {"http://www.google.com"}}

local function tests_in(directory)
  local tests = shell.tests(directory, "tests/*.lua", "tests/(.*)")
  for _, test in ipairs(tests) do
    local arguments = ARGUMENTS[test.name] or {}
    table.move(arguments, 1, #arguments, #test.words + 1, test.words)
  end
  return tests
end

-- The scripts that make the certificates, each of which needs those before it.
local CERTIFICATES <const> = [[cd tests/certs &&
for name in rootA rootB serverA serverB clientA clientB; do
  sh ./$name.sh || exit
done]]

return {
  name = "copas",
  sources = {
    {folder = "copas", file = "tests/loop_starter.lua",
     from = "github.com/lunarmodules/copas at v4_9_0"},
    {folder = "timerwheel", file = "src/timerwheel/init.lua",
     from = "github.com/Tieske/timerwheel.lua at 1.0.2"}
  },
  needs = {
    socket = "lua-socket", ssl = "lua-sec", binaryheap = "lua-binaryheap",
    coxpcall = "lua-coxpcall", ["!openssl"] = "openssl"
  },
  setup = [[package.path = "src/?.lua;" .. os.getenv "EBB_SUITES" ..
    "/timerwheel/src/?/init.lua;" .. package.path]],
  with_ebb = 'require "ebb.socket".patch()',
  in_task = true,
  prepare = function(directory)
    shell.run(directory, 60, {"sh", "-c", CERTIFICATES})
  end,
  tests = tests_in
}
