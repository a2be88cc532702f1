-- ebb.sync in odd places: threads that scripts have got hold of, garbage, and
-- the end of the main chunk.

local ebb = require "ebb"
local common = require "common"
local run = require "run"
local sync = ebb.sync

local settle = ebb.yield_now

-- A task that waits for f, and the thread it runs on.
local function spawn_with_thread(f)
  local thread
  local task = ebb.spawn(function()
    thread = coroutine.running()
    return f()
  end)
  settle()
  return task, thread
end

describe("a task that waits in line, whose thread a script resumes", function()
  it("waits on", function()
    local tx, rx = sync.channel(1)
    local task, thread = spawn_with_thread(function() return rx:recv() end)
    for _ = 1, 3 do assert.is_true(coroutine.resume(thread, "not this")) end
    settle()
    assert.is_false(task:is_finished())
    tx:send "this"
    assert.is_true(coroutine.resume(thread, "nor this"))
    assert.is_nil((rx:try_recv()))
    assert.equal("this", task:await())
  end)

  it("waits on for a permit, and has its own", function()
    local semaphore = sync.Semaphore.new(0)
    local task, thread = spawn_with_thread(function()
      return semaphore:acquire(2)
    end)
    assert.is_true(coroutine.resume(thread, "not this"))
    semaphore:add_permits(2)
    assert.is_true(coroutine.resume(thread, "nor this"))
    task:await():release()
    assert.equal(2, semaphore:available_permits())
  end)
end)

describe("a task that waits in line, whose thread a script closes", function()
  before_each(function() ebb.set_unhandled(common.nothing) end)
  after_each(function() ebb.set_unhandled(nil) end)

  it("gives on what it is given then", function()
    local tx, rx = sync.channel(1)
    local task, thread = spawn_with_thread(function() return rx:recv() end)
    local other = ebb.spawn(function() return rx:recv() end)
    settle()
    assert.is_true(coroutine.close(thread))
    tx:send "value"
    assert.equal("value", other:await())
    assert.is_false((task:join()))
  end)

  it("gives on what it had been given before", function()
    local semaphore = sync.Semaphore.new(0)
    local task, thread = spawn_with_thread(function()
      return semaphore:acquire()
    end)
    semaphore:add_permits(1)
    assert.is_true(coroutine.close(thread))
    settle()
    assert.is_false((task:join()))
    assert.equal(1, semaphore:available_permits())
  end)

  it("gives on what it is given while that closing waits", function()
    local mutex, gate = sync.Mutex.new(), sync.Notify.new()
    local guard = mutex:lock()
    local task, thread = spawn_with_thread(function()
      local slow <close> = common.closer(function() gate:notified() end)
      return mutex:lock()
    end)
    local closing = ebb.spawn(coroutine.close, thread)
    settle()
    guard:release()
    settle()
    gate:notify_one()
    assert.is_true(closing:await())
    ebb.sleep(0.01)
    assert.is_false((task:join()))
    assert.is_userdata((mutex:try_lock()))
  end)
end)

describe("garbage", function()
  it("is collected before a deadlock is reported, if a sender is in it",
     function()
    local rx = select(2, sync.channel())
    assert.is_nil(rx:recv())
  end)

  it("is collected before a deadlock is reported, if a guard is in it",
     function()
    local mutex = sync.Mutex.new()
    ebb.spawn(function() mutex:lock() end):await()
    mutex:lock():release()
  end)

  it("of a map whose tasks wait in line is no harm", function()
    local mutex = sync.Mutex.new()
    local guard = mutex:lock()
    local log = {}
    do
      local map = ebb.JoinMap.new()
      for i = 1, 5 do
        map:spawn(i, function()
          local cleanup <close> = common.closer(function()
            log[#log + 1] = i
          end)
          mutex:lock()
        end)
      end
      settle()
    end
    local other = ebb.spawn(function() return mutex:lock() end)
    settle()
    common.collect()
    guard:release()
    settle()
    settle()
    assert.equal(5, #log)
    assert.is_true(other:is_finished())
  end)

  it("of a map whose tasks wait for each other is no harm", function()
    local count = 0
    do
      local map = ebb.JoinMap.new()
      local tx, rx = sync.channel(1)
      local mutex = sync.Mutex.new()
      for i = 1, 6 do
        map:spawn(i, function()
          local cleanup <close> = common.closer(function()
            count = count + 1
            tx:try_send(i)
            rx:try_recv()
            tx:close()
          end)
          local guard <close> = mutex:lock()
          if i < 4 then rx:recv() else tx:send(i) end
          ebb.yield_now()
          rx:recv()
        end)
      end
      settle()
      settle()
    end
    common.collect()
    for _ = 1, 5 do settle() end
    assert.equal(6, count)
  end)

  it("of a task's own ends is no harm", function()
    for _ = 1, 20 do
      ebb.spawn(function()
        local _, rx = sync.channel()
        _ = nil
        return rx:recv()
      end)
    end
    settle()
    common.collect()
    settle()
    for _, task in ipairs(ebb.tasks()) do
      assert.not_equal("recv", task.waiting_for)
    end
  end)
end)

describe("the end of the main chunk", function()
  it("leaves nothing locked to the clean-up of the tasks", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local mutex = ebb.sync.Mutex.new()
      local tx, rx = ebb.sync.channel(1)
      for i = 1, 3 do
        ebb.spawn(function()
          local cleanup <close> = setmetatable({}, {__close = function()
            local guard <close> = mutex:lock()
            tx:send(i) -- waits for the next one's recv
            print("cleaned", rx:recv())
          end})
          local guard <close> = mutex:lock()
          ebb.sleep(1000)
        end)
      end
      ebb.yield_now()
      mutex = mutex
    ]]
    assert.equal("", err)
    assert.equal(3, select(2, out:gsub("cleaned\t%d\n", "")))
    assert.equal(0, code)
  end)

  it("ends a clean-up that waits for what never comes", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local notify = ebb.sync.Notify.new()
      ebb.set_unhandled(function(e) print(e:into_panic()) end)
      ebb.spawn(function()
        local cleanup <close> = setmetatable({}, {__close = function()
          notify:notified()
        end})
        notify:notified()
      end)
      ebb.yield_now()
    ]]
    assert.equal("", err)
    assert.matches("nothing can end this wait", out)
    assert.equal(0, code)
  end)

  it("with os.exit gives back what a task had been granted", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local semaphore = ebb.sync.Semaphore.new(0)
      for _ = 1, 2 do
        ebb.spawn(function()
          local cleanup <close> = setmetatable({}, {__close = function()
            print(semaphore:available_permits())
          end})
          semaphore:acquire()
        end)
      end
      ebb.yield_now()
      semaphore:add_permits(1)
      os.exit(3, true)
    ]]
    assert.equal("", err)
    assert.equal("1\n1\n", out)
    assert.equal(3, code)
  end)
end)

-- Tokio's tests of where a panic is said to come from, under their names.
describe("a wrong call", function()
  local time = ebb.time

  for name, call in pairs {
    broadcast_channel_panic_caller = function() sync.broadcast(0) end,
    mpsc_bounded_channel_panic_caller = function() sync.channel(0) end,
    pause_panic_caller = function() time.pause() end,
    resume_panic_caller = function() time.resume() time.resume() end,
    interval_panic_caller = function() time.interval(0) end
  } do
    it("names the line of the caller (" .. name .. ")", function()
      local where = debug.getinfo(call, "S")
      time.pause()
      local message = common.error_of(call)
      pcall(time.resume)
      local start = where.short_src .. ":" .. where.linedefined .. ": "
      assert.equal(start, message:sub(1, #start))
    end)
  end
end)
