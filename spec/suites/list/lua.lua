-- SPDX-License-Identifier: MIT
--
-- Lua's own tests, each file in a task.

local shell = require "suites.shell"

-- all.lua runs the others; the next yields to it; the last fills the memory.
local OTHERS <const> = {["all.lua"] = true, ["big.lua"] = true,
                        ["heavy.lua"] = true}

local function tests_in(directory)
  local tests = {}
  for _, file in ipairs(shell.files(directory, "*.lua")) do
    if not OTHERS[file] then
      tests[#tests + 1] = {name = file, words = {file}}
    end
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
  -- As all.lua with _U, for systems that are not built for tests.
  setup = "_soft = true _port = true _nomsg = true Message = print",
  in_task = true,
  directory = "testes",
  prepare = prepare,
  tests = tests_in
}
