-- SPDX-License-Identifier: MIT
--
--   lua5.4 in_task.lua SCRIPT ARGS...
--
-- Runs a script as the interpreter would, but in a task.

local ebb = require "ebb"

local path = table.remove(arg, 1)
arg[0] = path
local handle = ebb.spawn(assert(loadfile(path)), table.unpack(arg))
local ok, err = handle:join()
if ok then return end
io.stderr:write(tostring(err), "\n", err:traceback() or "", "\n")
os.exit(1)
