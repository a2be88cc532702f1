-- Mutex and RwLock. What happens when a task is aborted that waits for one is
-- in sync/abort_spec.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle, error_of = ebb.yield_now, common.error_of

local function pack(...) return {n = select("#", ...), ...} end

describe("a mutex", function()
  local Mutex = sync.Mutex

  it("lets one in at a time, in the order of coming", function()
    local mutex, log = Mutex.new(), {}
    local inside = 0
    local set = ebb.JoinSet.new()
    for i = 1, 4 do
      set:spawn(function()
        local guard <close> = mutex:lock()
        inside = inside + 1
        assert(inside == 1)
        ebb.yield_now()
        log[#log + 1] = i
        inside = inside - 1
      end)
    end
    set:join_all()
    assert.same({1, 2, 3, 4}, log)
  end)

  it("cannot be overtaken by who comes when it is released", function()
    local mutex = Mutex.new()
    local guard = mutex:lock()
    local log = {}
    local waiter = ebb.spawn(function()
      local mine <close> = mutex:lock()
      log[#log + 1] = "waiter"
    end)
    settle()
    guard:release()
    assert.same(pack(nil, "locked"), pack(mutex:try_lock()))
    local again <close> = mutex:lock()
    log[#log + 1] = "main"
    assert.same({"waiter", "main"}, log)
    waiter:await()
  end)

  it("gives a guard to who tries, if it is free", function()
    local mutex = Mutex.new()
    local guard = mutex:try_lock()
    assert.is_nil((mutex:try_lock()))
    guard:release()
    assert.is_userdata(mutex:try_lock())
  end)

  it("is released by a panic and by an abort", function()
    local mutex = Mutex.new()
    local panic = ebb.spawn(function()
      local guard <close> = mutex:lock()
      error "panic"
    end)
    assert.is_false((panic:join()))
    local sleeper = ebb.spawn(function()
      local guard <close> = mutex:lock()
      common.forever()
    end)
    settle()
    sleeper:abort()
    sleeper:join()
    assert.is_userdata(mutex:try_lock())
  end)

  -- Tokio: aborted_future_1, whose future has the lock, and aborted_future_2,
  -- whose future waits for it.
  for name, held in pairs {aborted_future_1 = false, aborted_future_2 = true} do
    it("as in Tokio, is free when the time of a function is over that " ..
       (held and "waits for it" or "has it") .. " (" .. name .. ")",
       function()
      ebb.time.pause()
      local mutex = Mutex.new()
      local mine = held and mutex:lock()
      assert.is_nil((ebb.time.timeout(1, function()
        local guard <close> = mutex:lock()
        common.forever()
      end)))
      if mine then mine:release() end
      assert.is_userdata(mutex:try_lock())
      ebb.time.resume()
    end)
  end

  it("is not re-entrant: a task that locks it twice waits for itself",
     function()
    local mutex = Mutex.new()
    local guard <close> = mutex:lock()
    assert.matches("the main chunk waits for lock",
      error_of(mutex.lock, mutex))
  end)

  it("may be released by another task than the one that locked it", function()
    local mutex = Mutex.new()
    local guard = mutex:lock()
    ebb.spawn(function() guard:release() end)
    mutex:lock():release()
  end)

  it("works inside a comparator and inside a generator", function()
    local mutex = Mutex.new()
    local guard = mutex:lock()
    local sorter = ebb.spawn(function()
      local list = {3, 1, 2}
      table.sort(list, function(a, b)
        local mine <close> = mutex:lock()
        return a < b
      end)
      return list
    end)
    local walker = ebb.spawn(function()
      local sum = 0
      for i in coroutine.wrap(function()
        for i = 1, 3 do
          local mine <close> = mutex:lock()
          coroutine.yield(i)
        end
      end) do
        sum = sum + i
      end
      return sum
    end)
    settle()
    guard:release()
    assert.same({1, 2, 3}, sorter:await())
    assert.equal(6, walker:await())
  end)
end)

describe("an RwLock", function()
  local RwLock = sync.RwLock

  it("lets many read, or one write", function()
    local lock = RwLock.new()
    local one, two = lock:read(), lock:try_read()
    assert.same(pack(nil, "locked"), pack(lock:try_write()))
    one:release()
    assert.is_nil((lock:try_write()))
    two:release()
    local writer = lock:write()
    assert.same(pack(nil, "locked"), pack(lock:try_read()))
    assert.is_nil((lock:try_write()))
    writer:release()
    assert.is_userdata(lock:try_write())
  end)

  it("serves in the order of coming: a writer is not starved", function()
    local lock, log = RwLock.new(), {}
    local guard = lock:read()
    local function spawn(kind, i)
      return ebb.spawn(function()
        local mine <close> = lock[kind](lock)
        log[#log + 1] = kind .. i
        ebb.yield_now()
        log[#log + 1] = i .. " done"
      end)
    end
    local tasks = {spawn("write", 1), spawn("read", 2), spawn("read", 3),
                   spawn("write", 4)}
    settle()
    assert.is_nil((lock:try_read()))
    guard:release()
    for _, task in ipairs(tasks) do task:await() end
    assert.same({"write1", "1 done", "read2", "read3", "2 done", "3 done",
                 "write4", "4 done"}, log)
  end)

  it("lets the readers in when a writer that waits is aborted", function()
    local lock = RwLock.new()
    local guard = lock:read()
    local writer = ebb.spawn(function() return lock:write() end)
    local readers = {}
    for i = 1, 3 do
      readers[i] = ebb.spawn(function() return lock:read() end)
    end
    settle()
    writer:abort()
    settle()
    for i = 1, 3 do assert.is_true(readers[i]:is_finished()) end
    guard:release()
  end)

  it("gives what an aborted task was granted to all who can share it",
     function()
    local lock = RwLock.new()
    local guard = lock:write()
    local writer = ebb.spawn(function() return lock:write() end)
    local readers = {}
    for i = 1, 3 do
      readers[i] = ebb.spawn(function() return lock:read() end)
    end
    settle()
    guard:release()
    writer:abort()
    settle()
    for i = 1, 3 do assert.is_true(readers[i]:is_finished()) end
  end)

  it("as in Tokio, has four tasks add up a thousand times each " ..
     "(multithreaded)", function()
    local lock, barrier = RwLock.new(), sync.Barrier.new(5)
    local sum = 0
    for _, n in ipairs {2, 3, 5, 7} do
      ebb.spawn(function()
        for _ = 1, 1000 do
          local guard <close> = lock:write()
          local before = sum
          ebb.yield_now()
          sum = before + n
        end
        barrier:wait()
      end)
    end
    barrier:wait()
    local guard <close> = lock:read()
    assert.equal(17000, sum)
  end)

  it("is named in the message of a deadlock", function()
    local lock = RwLock.new()
    local guard <close> = lock:write()
    local reader = ebb.spawn(function() return lock:read() end)
    local message = error_of(lock.write, lock)
    assert.matches("the main chunk waits for write", message)
    assert.matches("task %d+ waits for read", message)
    reader:abort()
    settle()
  end)
end)
