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
--   `read_start` gives nil. Several tasks that wait for a handle get an event
--   each, in their order. If others close or stop the handle, or start it with
--   a callback, the wait gives nil and a message that begins with "ECANCELED".
--   What a callback reads cannot be waited for: "EALREADY".
-- * `spawn` without its callback waits for the end of the process, and gives
--   its exit code and the signal that ended it (may wait).
-- * An abort cancels the request where libuv can, stops the events, and sends
--   the process SIGTERM. Nothing that has come is lost or left open.
-- * A callback runs as a task of its own: it may wait, and an error in it is a
--   panic. Events of one handle, but connections, come one after the other: the
--   next when the callback is over. After a stop or `close` none comes; what
--   had been read already goes to the next who reads.
-- * `listen` without its callback waits until there is a connection to `accept`
--   (may wait); call it again for the next. "ECANCELED" if others close it.
-- * `new_work` without its second callback gives something whose `queue` waits
--   for the results (may wait); an abort does not stop the work.
-- * `new_async` needs its callback: there is nothing to wait for.
-- * The methods of luv's objects are these functions.
-- * `close` in a finalizer does not wait.
-- * `stop` ends every `run` that waits, or the next one. ebb runs the loop on.
-- * `walk` gives its function all handles but those of ebb.
-- * SIGPIPE does not end the process: a write to a pipe that nobody reads gives
--   "EPIPE". Programs that are started do not inherit that.
-- * At the end of the program, what luv still has to do comes to its end after
--   the clean-ups of all tasks; its callbacks are not called any more.

---@class ebb.uv
local uv = {}

---Waits until luv has nothing to wait for any more, and all callbacks are over,
---but those that call this (may wait). With "once" it waits for an event at the
---most, with "nowait" for nothing; then the callbacks for what has come have
---begun. ebb runs the loop all the time, so callbacks come at other times, too.
---@param mode? "default"|"once"|"nowait"
---@return boolean alive has luv something to wait for?
function uv.run(mode) end

---An iterator over the lines of a stream, without their ends; each may wait. An
---error of the stream is raised.
---@param stream userdata a stream of luv that nobody else reads
---@return fun(): string?
function uv.lines(stream) end

return uv
