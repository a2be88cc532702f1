-- Small functions that several specs need.

local ebb = require "ebb"

local common = {}

function common.forever()
  ebb.sleep(1e6)
end

function common.nothing() end

-- Sleeps, and returns how long.
function common.sleeper(seconds)
  ebb.sleep(seconds)
  return seconds
end

function common.closer(f)
  return setmetatable({}, {__close = f})
end

-- A body that waits for good, and whose clean-up sets log[key].
function common.guarded(log, key)
  local _ <close> = common.closer(function() log[key] = "closed" end)
  common.forever()
end

-- How many tasks run or wait at this moment, and the most there ever were.
function common.counter()
  local count = {now = 0, most = 0}
  function count.body(seconds)
    count.now = count.now + 1
    count.most = math.max(count.most, count.now)
    local _ <close> = common.closer(function() count.now = count.now - 1 end)
    ebb.sleep(seconds or 1)
    return seconds
  end
  return count
end

-- What `ebb.tasks` tells of the task with this id.
function common.entry(id)
  for _, task in ipairs(ebb.tasks()) do
    if task.id == id then return task end
  end
end

-- How many tasks have not finished.
function common.unfinished()
  local count = 0
  for _, task in ipairs(ebb.tasks()) do
    if task.state ~= "finished" then count = count + 1 end
  end
  return count
end

-- Turns until f gives something true, which it must, and gives that.
function common.eventually(f)
  local deadline = ebb.time.now() + 20
  while ebb.time.now() < deadline do
    local result = f()
    if result then return result end
    ebb.yield_now()
  end
  error("it does not happen", 2)
end

-- Runs f beside a task that counts its turns, and gives their number.
function common.turns_beside(f)
  local turns, stop = 0, false
  local other = ebb.spawn(function()
    while not stop do
      turns = turns + 1
      ebb.yield_now()
    end
  end)
  f()
  stop = true
  other:join()
  return turns
end

-- Twice, since a finalizer may let go of what the second one takes.
function common.collect()
  collectgarbage()
  collectgarbage()
end

-- Has the collector work step by step, `pause` percent after its last cycle,
-- `stepmul` percent as fast as memory is taken. Lua 5.5 has these in params.
function common.collect_in_steps(pause, stepmul, stepsize)
  if _VERSION == "Lua 5.4" then
    return collectgarbage("incremental", pause, stepmul, stepsize)
  end
  collectgarbage "incremental"
  collectgarbage("param", "pause", pause)
  collectgarbage("param", "stepmul", stepmul)
  if stepsize then collectgarbage("param", "stepsize", 1 << stepsize) end
end

-- What is raised in the place of nil: nil, or in Lua 5.5 a text.
common.raised_nil = select(2, pcall(error, nil))

-- Calls f, which must fail, and returns its error.
function common.error_of(f, ...)
  local ok, err = pcall(f, ...)
  assert(not ok, "no error was raised")
  return err
end

-- Calls a method by its name as `object:name(...)` does: only so does Lua know
-- the name, and not count the object, in the message of an argument error.
function common.call(object, name, ...)
  local code = "local object = ... " ..
    "local results = table.pack(object:%s(select(2, ...))) " ..
    "return table.unpack(results, 1, results.n)"
  return assert(load(code:format(name), "=call"))(object, ...)
end

return common
