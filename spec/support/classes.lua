-- A sample of each class of the module, for specs that hold for all of them.

local ebb = require "ebb"

local classes = {}

local function first(f, ...)
  local argument <const> = table.pack(...)
  return function() return (f(table.unpack(argument, 1, argument.n))) end
end

local function second(f, ...)
  local argument <const> = table.pack(...)
  return function()
    return (select(2, f(table.unpack(argument, 1, argument.n))))
  end
end

local function handle() return ebb.spawn(function() end) end

-- Name -> function that makes one.
classes.samples = {
  AbortHandle = function() return handle():abort_handle() end,
  AccessError = second(function() return ebb.task_local("name"):try_get() end),
  Barrier = first(ebb.sync.Barrier.new, 1),
  BroadcastReceiver = second(ebb.sync.broadcast, 1),
  BroadcastSender = first(ebb.sync.broadcast, 1),
  Builder = ebb.Builder.new,
  Connection = first(ebb.net.pair),
  Handle = ebb.Handle.current,
  Interval = first(ebb.time.interval, 1),
  JoinError = second(function()
    return ebb.spawn(error, "expected"):join()
  end),
  JoinHandle = handle,
  JoinMap = ebb.JoinMap.new,
  JoinMapBuilder = function() return ebb.JoinMap.new():build_task() end,
  JoinSet = ebb.JoinSet.new,
  JoinSetBuilder = function() return ebb.JoinSet.new():build_task() end,
  Listener = function() return assert(ebb.net.listen("127.0.0.1", 0)) end,
  LocalEnterGuard = function()
    local guard = ebb.LocalSet.new():enter()
    guard:close()
    return guard
  end,
  LocalKey = first(ebb.task_local, "name"),
  LocalSet = ebb.LocalSet.new,
  Mutex = ebb.sync.Mutex.new,
  Notify = ebb.sync.Notify.new,
  OneshotReceiver = second(ebb.sync.oneshot),
  OneshotSender = first(ebb.sync.oneshot),
  Permit = function() return ebb.sync.Semaphore.new(1):acquire() end,
  Receiver = second(ebb.sync.channel),
  Runtime = function()
    local runtime = ebb.Runtime.new()
    runtime:shutdown()
    return runtime
  end,
  RwLock = ebb.sync.RwLock.new,
  Semaphore = first(ebb.sync.Semaphore.new, 1),
  Sender = first(ebb.sync.channel),
  Udp = function() return assert(ebb.net.udp()) end,
  WatchReceiver = second(ebb.sync.watch, 1),
  WatchSender = first(ebb.sync.watch, 1)
}

-- Those of the tables in it, too.
local function add_functions(found, prefix, functions)
  for name, value in pairs(functions) do
    if type(value) == "function" then
      found[prefix .. name] = value
    elseif type(value) == "table" then
      add_functions(found, prefix .. name .. ".", value)
    end
  end
end

-- `ebb.spawn`, `ebb.time.now`, `JoinMap:spawn` and so on -> the function.
function classes.functions()
  local found = {}
  add_functions(found, "ebb.", ebb)
  for class, sample in pairs(classes.samples) do
    add_functions(found, class .. ":", debug.getmetatable(sample()).__index)
  end
  return found
end

return classes
