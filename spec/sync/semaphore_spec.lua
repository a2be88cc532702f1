-- Semaphore and its Permits. What happens when a task is aborted that waits
-- for one is in sync/abort_spec.

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

  describe("as in Tokio", function()
    it("may have none (no_permits), or 2^32 - 1, and no more " ..
       "(add_max_amount_permits, panic_when_exceeds_maxpermits, " ..
       "no_panic_at_maxpermits, add_more_than_max_amount_permits2)",
       function()
      local most <const> = 2 ^ 32 - 1 | 0
      assert.equal(0, Semaphore.new(0):available_permits())
      assert.equal(most, Semaphore.new(most):available_permits())
      assert.matches("bad argument #1 to 'new'.*too many permits",
        error_of(function() Semaphore.new(most + 1) end))
      local semaphore = Semaphore.new(most - 1)
      semaphore:add_permits(1)
      assert.matches("bad argument #1 to 'add_permits'.*too many permits",
        error_of(function() semaphore:add_permits(1) end))
      assert.equal(most, semaphore:available_permits())
    end)

    it("gets more while it is open (add_permits_open), and when it is " ..
       "closed (add_permits_closed)", function()
      for size = 0, 3 do
        for more = 0, 3 do
          for _, closed in ipairs {false, true} do
            local semaphore = Semaphore.new(size)
            if closed then semaphore:close() end
            semaphore:add_permits(more)
            assert.equal(size + more, semaphore:available_permits())
            assert.equal(closed, semaphore:is_closed())
          end
        end
      end
    end)

    it("has all its permits after a thousand have had one (stress_test)",
       function()
      local semaphore, set = Semaphore.new(5), ebb.JoinSet.new()
      local inside, most = 0, 0
      for _ = 1, 1000 do
        set:spawn(function()
          local permit <close> = semaphore:acquire()
          inside = inside + 1
          most = math.max(most, inside)
          ebb.yield_now()
          inside = inside - 1
        end)
      end
      set:join_all()
      assert.equal(5, most)
      assert.is_userdata(semaphore:try_acquire(5))
      assert.is_nil((semaphore:try_acquire()))
    end)
  end)

  it("lets others run although there is always a permit", function()
    local semaphore = Semaphore.new(1)
    local turns = common.turns_beside(function()
      for _ = 1, 1000 do semaphore:acquire():release() end
    end)
    assert.is_true(turns >= 1000 // 128)
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
