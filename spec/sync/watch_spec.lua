-- watch: one value, and receivers that learn that it has changed.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle, error_of = ebb.yield_now, common.error_of

local function pack(...) return {n = select("#", ...), ...} end

describe("a watch", function()
  it("has its value from the beginning", function()
    local tx, rx = sync.watch "first"
    assert.equal("first", rx:borrow())
    assert.equal("first", tx:borrow())
    assert.is_false(rx:has_changed())
  end)

  it("may hold nil", function()
    local tx, rx = sync.watch(nil)
    assert.is_nil(rx:borrow())
    assert.is_true(tx:send(1))
    assert.is_true(tx:send(nil))
    assert.is_true(rx:changed())
    assert.is_nil(rx:borrow())
  end)

  it("shows the last value only", function()
    local tx, rx = sync.watch(0)
    for i = 1, 3 do assert.is_true(tx:send(i)) end
    assert.is_true(rx:has_changed())
    assert.is_true(rx:changed())
    assert.equal(3, rx:borrow())
    assert.is_false(rx:has_changed())
  end)

  it("wakes all receivers that wait", function()
    local tx, rx = sync.watch(0)
    local log = {}
    for i = 1, 3 do
      local mine = i == 1 and rx or tx:subscribe()
      ebb.spawn(function()
        assert(mine:changed())
        log[#log + 1] = i .. mine:borrow()
      end)
    end
    settle()
    assert.same({}, log)
    tx:send "x"
    settle()
    assert.same({"1x", "2x", "3x"}, log)
  end)

  it("counts a value as seen by borrow_and_update, not by borrow", function()
    local tx, rx = sync.watch(0)
    tx:send(1)
    assert.equal(1, rx:borrow())
    assert.is_true(rx:has_changed())
    assert.equal(1, rx:borrow_and_update())
    assert.is_false(rx:has_changed())
  end)

  it("counts a value as seen by who subscribes after it", function()
    local tx, rx = sync.watch(0)
    tx:send(1)
    local late = tx:subscribe()
    assert.is_false(late:has_changed())
    assert.is_true(rx:has_changed())
    tx:send(2)
    assert.is_true(late:changed())
  end)

  it("is closed when the sender is, after the last change", function()
    local tx, rx = sync.watch(0)
    tx:send(1)
    tx:close()
    tx:close()
    assert.is_true(rx:changed())
    assert.equal(1, rx:borrow())
    assert.same(pack(nil, "closed"), pack(rx:changed()))
    assert.same(pack(nil, "closed"), pack(rx:has_changed()))
    assert.same(pack(nil, "closed"), pack(tx:send(2)))
    assert.is_true(tx:is_closed())
  end)

  it("tells who waits that it is closed", function()
    local tx, rx = sync.watch(0)
    local task = ebb.spawn(function() return rx:changed() end)
    settle()
    do local sender <close> = tx end
    assert.same(pack(true, nil, "closed"), pack(task:join()))
  end)

  it("is closed when the sender is collected", function()
    local tx, rx = sync.watch(0)
    local task = ebb.spawn(function() return rx:changed() end)
    settle()
    tx = nil
    common.collect()
    assert.same(pack(true, nil, "closed"), pack(task:join()))
  end)

  it("refuses a value that nobody can see, and keeps the old one", function()
    local tx, rx = sync.watch(0)
    assert.equal(1, tx:receiver_count())
    rx:close()
    rx:close()
    assert.equal(0, tx:receiver_count())
    assert.is_true(tx:is_closed())
    assert.same(pack(nil, "closed"), pack(tx:send(1)))
    assert.equal(0, tx:borrow())
    assert.equal(0, tx:send_replace(2))
    assert.equal(2, tx:borrow())
    local again = tx:subscribe()
    assert.is_false(tx:is_closed())
    assert.equal(2, again:borrow())
    assert.is_true(tx:send(3))
    assert.is_true(again:changed())
  end)

  it("counts the receivers that were collected out", function()
    local tx, rx = sync.watch(0)
    local other = tx:subscribe()
    assert.equal(2, tx:receiver_count())
    other = nil
    common.collect()
    assert.equal(1, tx:receiver_count())
    rx:close()
  end)

  it("ends the wait of a receiver that another task closes", function()
    local _, rx = sync.watch(0)
    local task = ebb.spawn(function() return rx:changed() end)
    settle()
    rx:close()
    assert.same(pack(true, nil, "closed"), pack(task:join()))
    assert.is_userdata(_)
  end)

  it("has lost nothing when a receiver's task is aborted, at any moment",
     function()
    for _, sent in ipairs {"before", "after"} do
      for victim = 1, 3 do
        local tx, rx = sync.watch(0)
        local ends, tasks, log = {rx, tx:subscribe(), tx:subscribe()}, {}, {}
        for i = 1, 3 do
          tasks[i] = ebb.spawn(function()
            ends[i]:changed()
            log[#log + 1] = i
          end)
        end
        settle()
        if sent == "before" then tx:send(1) end
        tasks[victim]:abort()
        if sent == "after" then tx:send(1) end
        settle()
        assert.equal(2, #log)
        assert.is_true(ends[victim]:has_changed())
        assert.is_true(ends[victim]:changed())
      end
    end
  end)

  it("can be waited for in the clean-up of an aborted task", function()
    local tx, rx = sync.watch(0)
    local seen
    local task = ebb.spawn(function()
      local cleanup <close> = common.closer(function()
        rx:changed()
        seen = rx:borrow()
      end)
      rx:changed()
    end)
    settle()
    task:abort()
    settle()
    task:abort()
    tx:send "late"
    settle()
    assert.equal("late", seen)
    assert.is_true(task:is_finished())
  end)

  it("can be waited for inside a comparator and a generator", function()
    local tx, rx = sync.watch(0)
    local other = tx:subscribe()
    local sorter = ebb.spawn(function()
      table.sort({2, 1}, function(a, b)
        if not rx:has_changed() then rx:changed() end
        return a < b
      end)
    end)
    local walker = ebb.spawn(function()
      return coroutine.wrap(function() return other:changed() end)()
    end)
    settle()
    tx:send(1)
    sorter:await()
    assert.is_true(walker:await())
  end)

  describe("as in Tokio", function()
    it("shows its final value, and then that there is no other " ..
       "(rx_observes_final_value)", function()
      local tx, rx = sync.watch "one"
      tx:send "two"
      assert.is_true(rx:changed())
      local task = ebb.spawn(rx.changed, rx)
      settle()
      tx:send "three"
      tx:close()
      assert.same(pack(true, true), pack(task:join()))
      assert.equal("three", rx:borrow_and_update())
      assert.same(pack(nil, "closed"), pack(rx:changed()))
      assert.equal("three", rx:borrow())
    end)

    it("is changed by each of its senders (multiple_sender)", function()
      local tx, rx = sync.watch(0)
      local other = tx:clone()
      local task = ebb.spawn(function()
        rx:changed()
        local first = rx:borrow_and_update()
        rx:changed()
        return first, rx:borrow_and_update()
      end)
      settle()
      tx:send(1)
      settle()
      assert.is_false(task:is_finished())
      other:send(2)
      assert.same(pack(true, 1, 2), pack(task:join()))
    end)

    it("tells who waits when the last sender is closed " ..
       "(receiver_is_notified_when_last_sender_is_dropped)", function()
      local tx, rx = sync.watch(0)
      local other = tx:clone()
      local task = ebb.spawn(rx.changed, rx)
      settle()
      tx:close()
      settle()
      assert.is_false(task:is_finished())
      other:close()
      assert.same(pack(true, nil, "closed"), pack(task:join()))
    end)

    it("has a receiver that has seen one of two changes wait for the next " ..
       "(multi_rx)", function()
      local tx, rx = sync.watch "one"
      local other = rx:clone()
      local task = ebb.spawn(other.changed, other)
      settle()
      for _, value in ipairs {"two", "three"} do
        local mine = ebb.spawn(rx.changed, rx)
        settle()
        tx:send(value)
        assert.is_true(mine:await())
        assert.equal(value, rx:borrow())
      end
      assert.is_true(task:await())
      assert.equal("three", other:borrow())
    end)

    it("is closed for has_changed although there is an unseen value " ..
       "(has_changed_errors_on_closed_channel_with_unseen_value)", function()
      local tx, rx = sync.watch "A"
      tx:send "B"
      tx:close()
      assert.same(pack(nil, "closed"), pack(rx:has_changed()))
      assert.is_true(rx:changed())
    end)
  end)

  it("lets others run although there is always a change", function()
    local tx, rx = sync.watch(0)
    local turns = common.turns_beside(function()
      for i = 1, 1000 do
        tx:send(i)
        rx:changed()
      end
    end)
    assert.is_true(turns >= 1000 // 128)
  end)

  it("is named in the message of a deadlock", function()
    local tx, rx = sync.watch(0)
    assert.matches("the main chunk waits for changed",
      error_of(rx.changed, rx))
    assert.is_true(tx:send(1))
  end)

  it("names the argument that is missing", function()
    local tx = sync.watch(0)
    assert.matches("bad argument #1", error_of(function() sync.watch() end))
    assert.matches("bad argument #1 to 'send'",
      error_of(function() tx:send() end))
    assert.matches("WatchSender expected", error_of(tx.send, 1, 2))
  end)
end)
