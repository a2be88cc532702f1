-- Semaphore, Mutex and RwLock, which all give out Permits. What happens when
-- a task is aborted that waits for one is in sync_abort_spec.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle, error_of = ebb.yield_now, common.error_of

local function pack(...) return {n = select("#", ...), ...} end

describe("a semaphore", function()
  local Semaphore = sync.Semaphore

  it("gives permits while there are some", function()
    local semaphore = Semaphore.new(3)
    local one, two = semaphore:acquire(), semaphore:acquire(2)
    assert.equal(0, semaphore:available_permits())
    assert.same(pack(nil, "no permits"), pack(semaphore:try_acquire()))
    two:release()
    assert.equal(2, semaphore:available_permits())
    assert.is_nil((semaphore:try_acquire(3)))
    local three = semaphore:try_acquire(2)
    assert.equal(0, semaphore:available_permits())
    one:release()
    three:release()
    assert.equal(3, semaphore:available_permits())
  end)

  it("takes a permit back once, however often it is released", function()
    local semaphore = Semaphore.new(1)
    local permit = semaphore:acquire()
    permit:release()
    permit:release()
    do local again <close> = permit end
    assert.equal(1, semaphore:available_permits())
  end)

  it("takes a permit back at the end of a scope", function()
    local semaphore = Semaphore.new(1)
    do
      local permit <close> = semaphore:acquire()
      assert.equal(0, semaphore:available_permits())
    end
    assert.equal(1, semaphore:available_permits())
  end)

  it("takes a permit back that is collected, and gives it on", function()
    local semaphore = Semaphore.new(1)
    local permit = semaphore:acquire()
    local waiter = ebb.spawn(function() return semaphore:acquire() end)
    settle()
    permit = nil
    common.collect()
    settle()
    assert.is_true(waiter:is_finished())
  end)

  it("takes back the permit of a task that is aborted", function()
    local semaphore = Semaphore.new(1)
    local task = ebb.spawn(function()
      local permit <close> = semaphore:acquire()
      common.forever()
    end)
    settle()
    assert.equal(0, semaphore:available_permits())
    task:abort()
    settle()
    assert.equal(1, semaphore:available_permits())
  end)

  it("is fair: who came first goes first, also if he wants more", function()
    local semaphore = Semaphore.new(0)
    local log, permits = {}, {}
    for i, n in ipairs {2, 1, 3, 1} do
      ebb.spawn(function()
        local permit = semaphore:acquire(n)
        permits[i] = permit
        log[#log + 1] = i
      end)
    end
    settle()
    semaphore:add_permits(1)
    settle()
    assert.same({}, log)
    assert.is_nil((semaphore:try_acquire()))
    assert.equal(0, semaphore:available_permits())
    semaphore:add_permits(2)
    settle()
    assert.same({1, 2}, log)
    semaphore:add_permits(4)
    settle()
    assert.same({1, 2, 3, 4}, log)
  end)

  it("goes on to those behind when the first in line is aborted", function()
    local semaphore = Semaphore.new(1)
    local first = ebb.spawn(function() return semaphore:acquire(5) end)
    local second = ebb.spawn(function() return semaphore:acquire() end)
    settle()
    assert.is_false(second:is_finished())
    first:abort()
    settle()
    assert.is_true(second:is_finished())
  end)

  it("gives zero permits at any time", function()
    local semaphore = Semaphore.new(0)
    local waiter = ebb.spawn(function() return semaphore:acquire() end)
    settle()
    semaphore:acquire(0):release()
    assert.is_userdata(semaphore:try_acquire(0))
    waiter:abort()
    settle()
  end)

  it("can be closed", function()
    local semaphore = Semaphore.new(1)
    local permit = semaphore:acquire()
    local waiter = ebb.spawn(function() return semaphore:acquire() end)
    settle()
    assert.is_false(semaphore:is_closed())
    semaphore:close()
    assert.is_true(semaphore:is_closed())
    assert.same(pack(true, nil, "closed"), pack(waiter:join()))
    permit:release()
    assert.same(pack(nil, "closed"), pack(semaphore:acquire()))
    assert.same(pack(nil, "closed"), pack(semaphore:try_acquire()))
    assert.equal(1, semaphore:available_permits())
  end)

  it("keeps its word to a task that has a permit when it is closed",
     function()
    local semaphore = Semaphore.new(0)
    local waiter = ebb.spawn(function() return semaphore:acquire() end)
    settle()
    semaphore:add_permits(1)
    semaphore:close()
    assert.is_userdata(waiter:await())
  end)

  it("lets others run although there is always a permit", function()
    local semaphore, turns = Semaphore.new(1), 0
    local other = ebb.spawn(function()
      while true do
        turns = turns + 1
        ebb.yield_now()
      end
    end)
    for _ = 1, 1000 do semaphore:acquire():release() end
    assert.is_true(turns >= 1000 // 128)
    other:abort()
  end)

  it("names the argument that is wrong", function()
    local semaphore = Semaphore.new(0)
    local function fails(f, ...)
      local args = pack(...)
      return error_of(function() f(table.unpack(args, 1, args.n)) end)
    end
    assert.matches("bad argument #1", fails(Semaphore.new))
    assert.matches("bad argument #1.*negative", fails(Semaphore.new, -1))
    assert.matches("too many permits", fails(Semaphore.new, 1 << 40))
    assert.matches("#1 to 'acquire'", error_of(function()
      semaphore:acquire "x"
    end))
    assert.matches("#1 to 'acquire'.*negative", error_of(function()
      semaphore:acquire(-1)
    end))
    assert.matches("#1 to 'add_permits'", error_of(function()
      semaphore:add_permits()
    end))
    semaphore:add_permits(2 ^ 32 - 1)
    assert.matches("too many permits", error_of(function()
      semaphore:add_permits(1)
    end))
    assert.matches("Semaphore expected",
      fails(semaphore.acquire, sync.Mutex.new()))
  end)

  it("is named in the message of a deadlock", function()
    local semaphore = Semaphore.new(0)
    assert.matches("the main chunk waits for acquire",
      error_of(semaphore.acquire, semaphore))
  end)
end)

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
