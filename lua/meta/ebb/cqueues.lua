---@meta ebb.cqueues

-- `require "ebb.cqueues"`: cqueues, whose functions are all there, for tasks.
-- It has to be required before anything else that uses cqueues. What is
-- otherwise:
--
-- * `step` and `loop` of a controller wait in the task that calls them, while
--   other tasks run (may wait). They are aborted with it; another task may go
--   on with the controller. What its coroutines yield reaches the one that
--   resumed the caller, as in cqueues; at a task's own level there is none, and
--   the yield is `ebb.yield_now`.
-- * Outside of controllers `cqueues.poll`, `cqueues.sleep`, and what waits
--   through them (sockets, conditions, promises) wait likewise (may wait).
-- * Closing a socket, or `cqueues.cancel`, ends the waits of tasks for it.

---@class ebb.cqueues
local cqueues = {}

---Runs `f` as a task and gives its results; raises what it raised (may wait).
---In a coroutine of a controller only that one waits: it is the way to what
---ebb has from there. Elsewhere it is `ebb.block_on`.
---@param f ebb.Body
---@param ... any arguments of f
---@return any ... results of f
function cqueues.block_on(f, ...) end

return cqueues
