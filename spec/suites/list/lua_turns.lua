-- SPDX-License-Identifier: MIT
--
-- Lua's own tests again, each in a task that gives its turn to another one
-- after every few instructions, wherever that is.

local lua = require "suites.list.lua"

-- They look at hooks, or at tracebacks that the hook would be in.
local OF_HOOKS <const> = {
  ["all.lua"] = true, ["db.lua"] = true, ["errors.lua"] = true
}

local function tests_in(directory)
  local tests = {}
  for _, test in ipairs(lua.tests(directory)) do
    if not OF_HOOKS[test.name] then tests[#tests + 1] = test end
  end
  return tests
end

return {
  name = "Lua turns",
  sources = lua.sources,
  with_ebb = "instructions_per_turn = 20",
  in_task = true,
  directory = lua.directory,
  prepare = lua.prepare,
  tests = tests_in
}
