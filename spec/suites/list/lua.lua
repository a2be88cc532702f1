-- SPDX-License-Identifier: MIT
--
-- Lua's own tests, each file in a task.

local shell = require "suites.shell"

-- The first needs all.lua, which runs it as a coroutine; the other fills the
-- memory.
local OTHERS <const> = {["big.lua"] = true, ["heavy.lua"] = true}

-- They need modules in C that are built for tests.
local NOT_ALL <const> = {["all.lua"] = true, ["attrib.lua"] = true}

local function tests_in(directory)
  local tests = {}
  for _, test in ipairs(shell.tests(directory, "*.lua", ".*")) do
    if NOT_ALL[test.name] then test.setup = "_port = true" end
    if not OTHERS[test.name] then tests[#tests + 1] = test end
  end
  return tests
end

-- What holds of the main chunk only.
local OF_MAIN <const> = {
  ["coroutine.lua"] = {
    'assert%(type%(main%) == "thread" and ismain%)',
    "assert%(not coroutine%.isyieldable%(main%)[^\n]*",
    "assert%(not pcall%(coroutine%.yield%)%)"
  },
  ["errors.lua"] = {'checkmessage%("coroutine%.yield%(%)"[^\n]*'}
}

local function prepare(directory)
  for file, statements in pairs(OF_MAIN) do
    for _, statement in ipairs(statements) do
      shell.change(directory .. "/testes/" .. file, statement, "")
    end
  end
end

return {
  name = "Lua",
  sources = {
    {folder = "lua", file = "testes/all.lua",
     from = "github.com/lua/lua at v5.4.4"}
  },
  in_task = true,
  directory = "testes",
  prepare = prepare,
  tests = tests_in
}
