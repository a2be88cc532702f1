---@meta ebb.uv

-- `require "ebb.uv"`: luv, whose functions are all there, with a loop that ebb
-- runs while luv has something to wait for. Luv's own manual describes them.
-- What is otherwise:
--
-- * A request (`fs_...`, `getaddrinfo`, `write`, `close`...) without its final
--   callback waits (may wait), and gives what the callback would be given; true
--   if that is nothing; nil, a message and the name of the error if it failed.
-- * `read_start`, `udp_recv_start`, `timer_start`, `signal_start`,
--   `poll_start`, `fs_event_start`, `fs_poll_start`... without their callback
--   wait for one event, stop, and give it (may wait). At the end of a stream
--   `read_start` gives nil. If another task closes the handle, they give nil and
--   a message that begins with "ECANCELED".
-- * `spawn` without its callback waits for the end of the process, and gives
--   its exit code and the signal that ended it (may wait).
-- * An abort cancels the request where libuv can, stops the events, and sends
--   the process SIGTERM. Nothing that has come is lost or left open.
-- * A callback runs as a task of its own: it may wait, and an error in it is a
--   panic.
-- * `listen` without its callback waits until there is a connection to `accept`
--   (may wait); call it again for the next.
-- * `new_work` without its second callback gives something whose `queue` waits
--   for the results (may wait); an abort does not stop the work.
-- * `new_async` needs its callback: there is nothing to wait for.
-- * The methods of luv's objects are these functions.

---@class ebb.uv
local uv = {}

---Waits until luv has nothing to wait for any more (may wait).
---@param mode? "default" ebb runs the loop, so there is no other
---@return boolean alive false: there is nothing
function uv.run(mode) end

---An iterator over the lines of a stream, without their ends; each may wait. An
---error of the stream is raised.
---@param stream userdata a stream of luv that nobody else reads
---@return fun(): string?
function uv.lines(stream) end

return uv
