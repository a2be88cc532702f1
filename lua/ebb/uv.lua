-- SPDX-License-Identifier: MIT
--
-- luv, driven by ebb. Every function of luv is here; those that take a
-- callback at the end may be called without it, and then wait and give what
-- it would have been given. Callbacks run as tasks of their own.

local loop = require "ebb.uv.loop"
local wait = require "ebb.uv.wait"

local luv = loop.luv

local uv = {}
for name, value in pairs(luv) do uv[name] = value end

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end

-- Where the callback is among the arguments, if it was given: in its place, or
-- at the end of fewer.
local function find_callback(position, ...)
  local n = select("#", ...)
  if n >= position and is_callable((select(position, ...))) then
    return position
  end
  if n > 0 and n < position and is_callable((select(n, ...))) then return n end
end

local function kicking(...)
  loop.kick()
  return ...
end

-- Calls f with its callback, argument number `at`, in a task.
local function call_with_callback(f, at, ...)
  local arguments = table.pack(...)
  arguments[at] = loop.in_task(arguments[at])
  return kicking(f(table.unpack(arguments, 1, arguments.n)))
end

-- ---- requests ----

-- The place of the callback among the arguments.
local REQUESTS <const> = {
  close = 2, fs_access = 3, fs_chmod = 3, fs_chown = 4, fs_close = 2,
  fs_closedir = 2, fs_copyfile = 4, fs_fchmod = 3, fs_fchown = 4,
  fs_fdatasync = 2, fs_fstat = 2, fs_fsync = 2, fs_ftruncate = 3,
  fs_futime = 4, fs_lchown = 4, fs_link = 3, fs_lstat = 2, fs_lutime = 4,
  fs_mkdir = 3, fs_mkdtemp = 2, fs_mkstemp = 2, fs_open = 4, fs_opendir = 2,
  fs_read = 4, fs_readdir = 2, fs_readlink = 2, fs_realpath = 2,
  fs_rename = 3, fs_rmdir = 2, fs_scandir = 2, fs_sendfile = 5, fs_stat = 2,
  fs_statfs = 2, fs_symlink = 4, fs_unlink = 2, fs_utime = 4, fs_write = 4,
  getaddrinfo = 4, getnameinfo = 2, pipe_connect = 3, random = 3,
  shutdown = 2, tcp_close_reset = 2, tcp_connect = 4, udp_send = 5, write = 3,
  write2 = 4
}

-- What was made for a task that has been aborted meanwhile.
local function close_fd(fd) luv.fs_close(fd) end

local UNDO <const> = {
  fs_mkstemp = close_fd, fs_open = close_fd,
  fs_opendir = function(dir) luv.fs_closedir(dir) end
}

for name, position in pairs(REQUESTS) do
  local f, undo = luv[name], UNDO[name]
  uv[name] = f and function(...)
    local at = find_callback(position, ...)
    if at then return call_with_callback(f, at, ...) end
    return wait.request(f, position, undo, ...)
  end
end

for _, name in ipairs {"close", "tcp_close_reset"} do
  local f = uv[name]
  uv[name] = f and function(handle, ...)
    if handle ~= nil then wait.cancel(handle) end
    return f(handle, ...)
  end
end

-- ---- events ----

local function same(...) return ... end

-- At the end of a stream there is neither an error nor data.
local function data_of(err, data)
  if err then return nil, err, err end
  return data
end

-- The place of the callback, what stops the events, and how they become
-- results if not as usual.
local EVENTS <const> = {
  check_start = {2, stop = luv.check_stop},
  fs_event_start = {4, stop = luv.fs_event_stop},
  fs_poll_start = {4, stop = luv.fs_poll_stop},
  idle_start = {2, stop = luv.idle_stop},
  poll_start = {3, stop = luv.poll_stop},
  prepare_start = {2, stop = luv.prepare_stop},
  read_start = {2, stop = luv.read_stop, convert = data_of},
  signal_start = {3, stop = luv.signal_stop, convert = same},
  signal_start_oneshot = {3, stop = luv.signal_stop, convert = same},
  timer_start = {4, stop = luv.timer_stop},
  -- A datagram comes with an address; without, all have been read.
  udp_recv_start = {2, stop = luv.udp_recv_stop,
                    is_empty = function(err, _, address)
                      return not err and not address
                    end}
}

local function superseding(handle, started, ...)
  if started then wait.supersede(handle) end
  return started, ...
end

for name, kind in pairs(EVENTS) do
  local f, position = luv[name], kind[1]
  uv[name] = f and function(handle, ...)
    -- Timers count from when the loop last looked at the clock.
    if name == "timer_start" then luv.update_time() end
    local at = find_callback(position, handle, ...)
    if not at then return wait.event(f, position, kind, handle, ...) end
    if wait.has_kept(handle) then
      loop.in_task((select(at, handle, ...)))(wait.take_kept(handle))
    end
    return superseding(handle, call_with_callback(f, at, handle, ...))
  end
end

-- ---- what else takes a callback, or starts something ----

function uv.spawn(path, options, on_exit)
  if not on_exit then return wait.process(path, options) end
  return wait.start_process(path, options, loop.in_task(on_exit))
end

function uv.listen(stream, backlog, on_connection)
  if not on_connection then return wait.connection(stream, backlog) end
  return kicking(luv.listen(stream, backlog, loop.in_task(on_connection)))
end

function uv.new_async(callback)
  return kicking(luv.new_async(callback and loop.in_task(callback)))
end

-- What new_work gives without its second callback: to queue it is to wait.
local Work = {__metatable = false}
Work.__index = Work

function Work:queue(...) return wait.work(self.work, ...) end

-- The first one is run by a thread of its own, in another Lua state.
function uv.new_work(work, after)
  if not after then return setmetatable({work = work}, Work) end
  return luv.new_work(work, loop.in_task(after))
end

function uv.queue_work(context, ...)
  if type(context) == "table" then -- luv's own is a userdata
    return Work.queue(context, ...)
  end
  return kicking(luv.queue_work(context, ...))
end

for _, name in ipairs {"accept", "ref"} do
  local f = luv[name]
  uv[name] = function(...) return kicking(f(...)) end
end

function uv.timer_again(timer)
  luv.update_time()
  return kicking(luv.timer_again(timer))
end

-- ---- the loop ----

-- ebb runs the loop; this waits until there is nothing left to run.
function uv.run(mode)
  if mode and mode ~= "default" then
    error("bad argument #1 to 'run' (ebb runs the loop, only \"default\" " ..
          "can be waited for)", 2)
  end
  loop.join()
  return luv.loop_alive()
end

-- ---- lines ----

-- An iterator over the lines of a stream, without their ends.
function uv.lines(stream)
  local text = ""
  return function()
    local searched = 1
    while true do
      local stop = text:find("\n", searched, true)
      if stop then
        local line = text:sub(1, stop - 1)
        text = text:sub(stop + 1)
        return line
      end
      searched = #text + 1
      local chunk, message = uv.read_start(stream)
      if message then error(message, 2) end
      if not chunk then
        local last = text
        text = ""
        return last ~= "" and last or nil
      end
      text = text .. chunk
    end
  end
end

-- ---- methods ----

-- luv's objects have its functions as methods: they get ours instead.
local function replace_methods(methods, ours)
  for name, method in pairs(methods) do
    methods[name] = ours[method] or method
  end
end

local ours = {}
for name, f in pairs(uv) do
  if luv[name] and f ~= luv[name] then ours[luv[name]] = f end
end
local registry = debug.getregistry()
for meta in pairs(registry.uv_handle) do
  if type(meta) == "table" then replace_methods(meta.__index, ours) end
end
for _, class in ipairs {"uv_dir", "luv_work_ctx"} do
  local meta = registry[class]
  if meta then replace_methods(meta.__index, ours) end
end

return uv
