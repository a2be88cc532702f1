-- SPDX-License-Identifier: MIT
--
-- luv, driven by ebb. Every function of luv is here; those that take a
-- callback at the end may be called without it, and then wait and give what
-- it would have been given. Callbacks run as tasks of their own.

local call = require "ebb.uv.call"
local loop = require "ebb.uv.loop"
local Source = require "ebb.uv.source"
local wait = require "ebb.uv.wait"

call.leave_out(debug.getinfo(1, "S"))

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

-- Not a tail call of what the argument calls, so that the caller of our
-- function can be told from it.
local function pass(...) return ... end

local function kicking(...)
  loop.kick()
  return ...
end

-- Calls f, luv's function `name`, with `callback` as argument number `at`.
local function call_with(callback, name, f, at, ...)
  local arguments = table.pack(...)
  arguments[at] = callback
  return kicking(call.luv(name, f, table.unpack(arguments, 1, arguments.n)))
end

local function call_with_callback(name, f, at, ...)
  local callback = loop.in_task((select(at, ...)))
  return pass(call_with(callback, name, f, at, ...))
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

-- The handle is being closed: libuv says nothing more to those who wait.
local function leave(handle, ...)
  if handle ~= nil and luv.is_closing(handle) then
    local source = Source.find(handle)
    if source then source:closed() end
    wait.stop_listening(handle)
  end
  return ...
end

local function close(handle, ...)
  return leave(handle, luv.close(handle, ...))
end

-- A reset that fails has put its callback in the place of the reader's; the
-- reader gets it back by starting again, which fails.
local function keep_reading(handle, ok, ...)
  local source = not ok and Source.find(handle)
  if source and (source.callback or source.waiter) then
    luv.read_start(handle, source.listener)
  end
  return leave(handle, ok, ...)
end

local function reset(handle, ...)
  return keep_reading(handle, luv.tcp_close_reset(handle, ...))
end

local CLOSERS <const> = {
  close = close, tcp_close_reset = luv.tcp_close_reset and reset
}

for name, position in pairs(REQUESTS) do
  local f, undo = CLOSERS[name] or luv[name], UNDO[name]
  uv[name] = f and function(...)
    local at = find_callback(position, ...)
    if at then return pass(call_with_callback(name, f, at, ...)) end
    return pass(wait.request(name, f, position, undo, ...))
  end
end

-- Lua says "fail" of it while a finalizer runs, which cannot wait.
local function is_in_finalizer()
  return collectgarbage "isrunning" == nil
end

-- luv frees a handle that is finalized while it is being closed, which may be
-- the next thing to happen, so it is closed to the end at once. One that was
-- finalized before, as the state is closed, is none any more for luv.
local function close_in_finalizer(name, f, handle)
  local is_handle = debug.getregistry().uv_handle[debug.getmetatable(handle)]
  if is_handle and not pcall(luv.is_closing, handle) then return true end
  call.luv(name, f, handle)
  loop.turn_if_free()
  return true
end

for name, closer in pairs(CLOSERS) do
  local f = uv[name]
  uv[name] = function(handle, ...)
    if loop.has_ended() then return true end
    if is_in_finalizer() and select("#", ...) == 0 then
      return pass(close_in_finalizer(name, closer, handle))
    end
    return pass(f(handle, ...))
  end
end

-- ---- events ----

local function same(...) return ... end

-- At the end of a stream there is neither an error nor data.
local function data_of(err, data)
  if err then return nil, err, err end
  return data
end

-- The place of the callback, what stops the events, how they become results if
-- not as usual, whether they are data, which must not be lost, and whether
-- those that come while a callback runs are as good as one.
local EVENTS <const> = {
  check_start = {2, stop = luv.check_stop, merges = true},
  fs_event_start = {4, stop = luv.fs_event_stop},
  fs_poll_start = {4, stop = luv.fs_poll_stop},
  idle_start = {2, stop = luv.idle_stop, merges = true},
  poll_start = {3, stop = luv.poll_stop, merges = true},
  prepare_start = {2, stop = luv.prepare_stop, merges = true},
  read_start = {2, stop = luv.read_stop, convert = data_of, keeps = true},
  signal_start = {3, stop = luv.signal_stop, convert = same},
  signal_start_oneshot = {3, stop = luv.signal_stop, convert = same},
  timer_start = {4, stop = luv.timer_stop, merges = true},
  -- A datagram comes with an address; without, all have been read.
  udp_recv_start = {2, stop = luv.udp_recv_stop, keeps = true,
                    is_empty = function(err, _, address)
                      return not err and not address
                    end}
}

local function start(source, name, f, at, ...)
  local callback = select(at, ...)
  local results = table.pack(call_with(source.listener, name, f, at, ...))
  if results[1] then source:set_callback(callback) end
  return table.unpack(results, 1, results.n)
end

for name, kind in pairs(EVENTS) do
  local f, position = luv[name], kind[1]
  uv[name] = f and function(handle, ...)
    -- Timers count from when the loop last looked at the clock.
    if name == "timer_start" then luv.update_time() end
    local at = find_callback(position, handle, ...)
    if handle == nil then return pass(call.luv(name, f, handle, ...)) end
    local source = Source.of(handle, kind)
    if at then return pass(start(source, name, f, at, handle, ...)) end
    return pass(wait.event(source, name, f, position, ...))
  end
end

local function stopped(handle, ...)
  local source = Source.find(handle)
  if source then source:stopped() end
  return ...
end

for _, name in ipairs {
  "check_stop", "fs_event_stop", "fs_poll_stop", "idle_stop", "poll_stop",
  "prepare_stop", "read_stop", "signal_stop", "timer_stop", "udp_recv_stop"
} do
  local f = luv[name]
  uv[name] = f and function(handle, ...)
    return stopped(handle, call.luv(name, f, handle, ...))
  end
end

-- ---- what else takes a callback, or starts something ----

function uv.spawn(path, options, on_exit)
  if not on_exit then return pass(wait.process(path, options)) end
  local callback = loop.in_task(on_exit)
  return pass(wait.start_process(path, options, callback))
end

-- A callback for what comes of a handle that is not known yet, or needs no
-- stopping: it is not called once the handle is closed.
local function while_open(callback, open)
  return loop.in_task(function(...)
    if not luv.is_closing(open.handle) then callback(...) end
  end)
end

function uv.listen(stream, backlog, on_connection)
  if not on_connection then return pass(wait.connection(stream, backlog)) end
  local callback = while_open(on_connection, {handle = stream})
  local ok, message, code =
    kicking(call.luv("listen", luv.listen, stream, backlog, callback))
  if ok then wait.stop_listening(stream) end
  return ok, message, code
end

function uv.new_async(callback)
  local open = {}
  local wrapped = callback and while_open(callback, open)
  local async, message, code =
    kicking(call.luv("new_async", luv.new_async, wrapped))
  open.handle = async
  return async, message, code
end

-- What new_work gives without its second callback: to queue it is to wait.
local Work = {__metatable = false}
Work.__index = Work

function Work:queue(...) return pass(wait.work(self.work, ...)) end

-- The first one is run by a thread of its own, in another Lua state.
function uv.new_work(work, after)
  local callback = loop.in_task(after)
  local context = call.luv("new_work", luv.new_work, work, callback)
  return after and context or setmetatable({work = work}, Work)
end

function uv.queue_work(context, ...)
  if type(context) == "table" then -- luv's own is a userdata
    return pass(Work.queue(context, ...))
  end
  return kicking(call.luv("queue_work", luv.queue_work, context, ...))
end

for _, name in ipairs {"accept", "ref"} do
  local f = luv[name]
  uv[name] = function(...) return kicking(call.luv(name, f, ...)) end
end

function uv.timer_again(timer)
  luv.update_time()
  local source = Source.find(timer)
  if source then source:restarted() end
  return kicking(call.luv("timer_again", luv.timer_again, timer))
end

-- ---- the loop ----

local MODES <const> = {default = true, once = true, nowait = true}

-- ebb runs the loop; this waits until it has done what the mode says.
function uv.run(mode)
  mode = mode or "default"
  if not MODES[mode] then return pass(call.luv("run", luv.run, mode)) end
  return loop.run(mode)
end

uv.stop = loop.stop
uv.loop_mode = loop.mode

-- f gets all handles but ours, and may wait. luv would end the process when f
-- fails, so it gets them when luv has been through.
function uv.walk(f)
  local handles = {}
  if type(f) ~= "function" then return pass(call.luv("walk", luv.walk, f)) end
  luv.walk(function(handle) handles[#handles + 1] = handle end)
  for _, handle in ipairs(handles) do
    if not loop.is_hidden(handle) then f(handle) end
  end
end

-- ---- lines ----

local function join(parts)
  local text = table.concat(parts)
  for i = #parts, 1, -1 do parts[i] = nil end
  return text
end

-- An iterator over the lines of a stream, without their ends.
function uv.lines(stream)
  local parts, chunk, from = {}, "", 1 -- a line's beginning, and what follows
  local function find_line()
    local stop = chunk:find("\n", from, true)
    parts[#parts + 1] = chunk:sub(from, (stop or 0) - 1)
    chunk, from = stop and chunk or "", (stop or 0) + 1
    return stop and join(parts)
  end
  return function()
    while true do
      local line = find_line()
      if line then return line end
      local more, message = uv.read_start(stream)
      if message then error(message, 2) end
      if not more then
        local last = join(parts)
        return last ~= "" and last or nil
      end
      chunk = more
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
