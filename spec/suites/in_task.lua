-- SPDX-License-Identifier: MIT
--
--   lua5.4 in_task.lua SCRIPT ARGS...
--
-- Runs a script as the interpreter would, but in a task. If the global variable
-- `instructions_per_turn` is set, the task gives the turn to another one
-- whenever it has run as many, wherever that is.

local ebb = require "ebb"

local period <const> = instructions_per_turn
instructions_per_turn = nil

local function take_turns()
  while true do ebb.yield_now() end
end

local function run(script, ...)
  if period then
    ebb.spawn(take_turns)
    debug.sethook(function() ebb.yield_now() end, "", period)
  end
  return script(...)
end

local path = table.remove(arg, 1)
arg[0] = path
local handle = ebb.spawn(run, assert(loadfile(path)), table.unpack(arg))
local ok, err = handle:join()
if ok then return end
io.stderr:write(tostring(err), "\n", err:traceback() or "", "\n")
os.exit(1)
