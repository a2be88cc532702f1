---@meta ebb.socket

-- `require "ebb.socket"`: LuaSocket, whose functions are all there, with
-- sockets that let other tasks run while they wait. Here is what it adds, and
-- what it does otherwise; the rest is in LuaSocket's own manual.
--
-- * Functions and methods that may wait: `connect`, `bind`, `select`, `sleep`,
--   those of `dns`; and of sockets `connect`, `accept`, `send`, `receive`,
--   `sendto`, `receivefrom`, `setpeername`, `bind`. Timeouts, results and
--   partial results are those of LuaSocket.
-- * A socket has a `__close`. Closing it ends the waits of other tasks for it
--   with nil and "closed".
-- * `select` takes any number of sockets, and any file descriptor.
-- * `dns` asks the system on the thread pool.

---@class ebb.socket
local socket = {}

---Puts this module in the place of `socket`, and `ebb.ssl` in that of `ssl`,
---for all that is required from now on. `socket.http`, `socket.smtp`,
---`socket.ftp` and `ssl.https` that are there already are loaded again when
---they are required again; other modules that have kept `socket` still block.
---Calling it again changes nothing.
---@return ebb.socket
function socket.patch() end

return socket
