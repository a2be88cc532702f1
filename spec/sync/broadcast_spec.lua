-- broadcast: each receiver gets each value.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle, error_of = ebb.yield_now, common.error_of

local function pack(...) return {n = select("#", ...), ...} end

describe("a broadcast", function()
  it("gives each value to each receiver, in order", function()
    local tx, rx = sync.broadcast(4)
    local other = tx:subscribe()
    for i = 1, 3 do assert.equal(2, tx:send(i)) end
    for i = 1, 3 do
      assert.equal(i, rx:recv())
      assert.equal(i, other:recv())
    end
    assert.same(pack(nil, "empty"), pack(rx:try_recv()))
  end)

  it("gives a receiver what is sent from its making on", function()
    local tx, rx = sync.broadcast(4)
    tx:send(1)
    local late = tx:subscribe()
    local again = rx:resubscribe()
    tx:send(2)
    assert.equal(2, late:recv())
    assert.equal(2, again:recv())
    assert.equal(1, rx:recv())
    assert.equal(3, tx:receiver_count())
  end)

  it("wakes all who wait, in the order of coming", function()
    local tx, rx = sync.broadcast(1)
    local log = {}
    for i = 1, 3 do
      local mine = i == 1 and rx or tx:subscribe()
      ebb.spawn(function()
        local value = mine:recv()
        log[#log + 1] = i .. value
      end)
    end
    settle()
    tx:send "x"
    settle()
    assert.same({"1x", "2x", "3x"}, log)
  end)

  it("gives each value to one of the tasks that share a receiver, the one " ..
     "that has waited longest", function()
    local tx, rx = sync.broadcast(4)
    local log = {}
    for i = 1, 3 do
      ebb.spawn(function()
        local value = rx:recv()
        log[#log + 1] = i .. value
      end)
    end
    settle()
    for _, value in ipairs {"a", "b", "c"} do
      tx:send(value)
      settle()
    end
    assert.same({"1a", "2b", "3c"}, log)
  end)

  it("tells a slow receiver how much it has missed, and goes on with the " ..
     "oldest that there is", function()
    local tx, rx = sync.broadcast(3)
    for i = 1, 10 do tx:send(i) end
    assert.same(pack(nil, "lagged", 7), pack(rx:recv()))
    for i = 8, 10 do assert.equal(i, rx:recv()) end
    assert.same(pack(nil, "empty"), pack(rx:try_recv()))
    for i = 11, 14 do tx:send(i) end
    assert.same(pack(nil, "lagged", 1), pack(rx:try_recv()))
    assert.equal(12, rx:try_recv())
  end)

  it("is closed by the sender, after what was sent", function()
    local tx, rx = sync.broadcast(2)
    local waiter = tx:subscribe()
    tx:send(1)
    waiter:recv()
    local task = ebb.spawn(function() return waiter:recv() end)
    settle()
    tx:close()
    tx:close()
    assert.equal(1, rx:recv())
    assert.same(pack(nil, "closed"), pack(rx:recv()))
    assert.same(pack(nil, "closed"), pack(rx:try_recv()))
    assert.same(pack(true, nil, "closed"), pack(task:join()))
    assert.same(pack(nil, "closed"), pack(tx:send(2)))
  end)

  it("is closed when the sender is collected", function()
    local tx, rx = sync.broadcast(2)
    local task = ebb.spawn(function() return rx:recv() end)
    settle()
    tx = nil
    common.collect()
    assert.same(pack(true, nil, "closed"), pack(task:join()))
  end)

  it("tells the sender when nobody listens", function()
    local tx, rx = sync.broadcast(2)
    do local receiver <close> = rx end
    assert.same(pack(nil, "closed"), pack(tx:send(1)))
    assert.equal(0, tx:receiver_count())
    local late = tx:subscribe()
    assert.equal(1, tx:send(2))
    assert.equal(2, late:recv())
    late = nil
    common.collect()
    assert.equal(0, tx:receiver_count())
  end)

  it("ends the wait of a receiver that another task closes", function()
    local tx, rx = sync.broadcast(2)
    local task = ebb.spawn(function() return rx:recv() end)
    settle()
    rx:close()
    rx:close()
    assert.same(pack(true, nil, "closed"), pack(task:join()))
    assert.equal(0, tx:receiver_count())
  end)

  it("has lost nothing when a receiver's task is aborted, at any moment",
     function()
    for _, sent in ipairs {"before", "after"} do
      for victim = 1, 3 do
        local tx, rx = sync.broadcast(2)
        local ends, tasks, log = {rx, tx:subscribe(), tx:subscribe()}, {}, {}
        for i = 1, 3 do
          tasks[i] = ebb.spawn(function()
            local value = ends[i]:recv()
            log[#log + 1] = value
          end)
        end
        settle()
        if sent == "before" then tx:send(1) end
        tasks[victim]:abort()
        if sent == "after" then tx:send(1) end
        settle()
        assert.same({1, 1}, log)
        assert.equal(1, ends[victim]:recv())
      end
    end
  end)

  it("leaves the value to the next of those who share a receiver", function()
    for victim = 1, 3 do
      local tx, rx = sync.broadcast(4)
      local tasks, log = {}, {}
      for i = 1, 3 do
        tasks[i] = ebb.spawn(function()
          local value = rx:recv()
          log[#log + 1] = i .. value
        end)
      end
      settle()
      for i = 1, 3 do tx:send(i) end
      tasks[victim]:abort()
      settle()
      assert.equal(2, #log)
      assert.equal(3, rx:recv())
    end
  end)

  it("can be waited for in the clean-up of an aborted task", function()
    local tx, rx = sync.broadcast(2)
    local got
    local task = ebb.spawn(function()
      local cleanup <close> = common.closer(function() got = rx:recv() end)
      rx:recv()
    end)
    settle()
    tx:send(1)
    task:abort()
    settle()
    assert.equal(1, got)
  end)

  it("can be waited for inside a comparator and a generator", function()
    local tx, rx = sync.broadcast(8)
    local other = tx:subscribe()
    local sorter = ebb.spawn(function()
      table.sort({2, 1}, function(a, b)
        rx:recv()
        return a < b
      end)
    end)
    local walker = ebb.spawn(function()
      return coroutine.wrap(function() return other:recv() end)()
    end)
    for i = 1, 4 do
      settle()
      tx:send(i)
    end
    sorter:await()
    assert.equal(1, walker:await())
  end)

  -- Receives all that there is: the values, and in the end why there are no
  -- more. `{"lagged", 3}` stands for three that were missed.
  local function drain(rx)
    local got = {}
    while true do
      local value, why, missed = rx:try_recv()
      got[#got + 1] = value or missed and {why, missed} or why
      if value == nil and not missed then return got end
    end
  end

  local function send(tx, from, to)
    for i = from, to do tx:send(i) end
  end

  describe("as in Tokio", function()
    it("wakes who waits, and has the value for who does not " ..
       "(send_two_recv_bounded)", function()
      local tx, rx = sync.broadcast(16)
      local other = tx:subscribe()
      for _, value in ipairs {"hello", "world"} do
        local task = ebb.spawn(rx.recv, rx)
        settle()
        tx:send(value)
        assert.same(pack(true, value), pack(task:join()))
        assert.equal(value, other:recv())
      end
    end)

    it("has for a slow receiver what a fast one has got (send_slow_rx, " ..
       "slow_receiver_within_capacity_does_not_lag)", function()
      local tx, fast = sync.broadcast(3)
      local slow = tx:subscribe()
      local waiter = ebb.spawn(slow.recv, slow)
      settle()
      for i = 1, 3 do
        tx:send(i)
        assert.equal(i, fast:recv())
      end
      assert.same(pack(true, 1), pack(waiter:join()))
      assert.same({2, 3, "empty"}, drain(slow))
      assert.same({"empty"}, drain(fast))
    end)

    it("may be left by receivers that have not got all " ..
       "(drop_rx_while_values_remain)", function()
      local tx, rx = sync.broadcast(16)
      local other = tx:subscribe()
      send(tx, 1, 2)
      rx:recv()
      other:recv()
      other:close()
      rx:close()
      assert.same(pack(nil, "closed"), pack(tx:send(3)))
      local late = tx:subscribe()
      assert.same({"empty"}, drain(late))
    end)

    it("tells a receiver that lags of each gap apart (lagging_rx)", function()
      local tx, rx = sync.broadcast(2)
      local slow = tx:subscribe()
      send(tx, 1, 2)
      assert.equal(1, rx:recv())
      tx:send(3)
      assert.same(pack(nil, "lagged", 1), pack(slow:try_recv()))
      assert.equal(2, slow:recv())
      assert.same({2, 3, "empty"}, drain(rx))
      send(tx, 4, 5)
      assert.same(pack(nil, "lagged", 1), pack(slow:try_recv()))
      tx:send(6)
      assert.same(pack(nil, "lagged", 1), pack(slow:try_recv()))
    end)

    -- Tokio's tests of what is left, by name: the capacity, how many are sent,
    -- whether the sender is closed then, and what is received.
    for name, case in pairs {
      single_capacity_recvs = {1, 1, false, {1, "empty"}},
      single_capacity_recvs_after_drop_1 = {1, 1, true, {1, "closed"}},
      single_capacity_recvs_after_drop_2 =
        {1, 2, true, {{"lagged", 1}, 2, "closed"}},
      dropping_sender_does_not_overwrite = {2, 2, true, {1, 2, "closed"}},
      lagging_receiver_recovers_after_wrap_closed_1 =
        {2, 3, true, {{"lagged", 1}, 2, 3, "closed"}},
      lagging_receiver_recovers_after_wrap_closed_2 =
        {2, 4, true, {{"lagged", 2}, 3, 4, "closed"}},
      lagging_receiver_recovers_after_wrap_open =
        {2, 3, false, {{"lagged", 1}, 2, 3, "empty"}}
    } do
      it("leaves what it has room for: " .. name, function()
        local tx, rx = sync.broadcast(case[1])
        send(tx, 1, case[2])
        if case[3] then tx:close() end
        assert.same(case[4], drain(rx))
      end)
    end

    it("counts all that was missed, and no more " ..
       "(lagged_count_matches_number_of_overwritten_messages)", function()
      local tx, rx = sync.broadcast(4)
      send(tx, 1, 4)
      assert.equal(1, rx:recv())
      send(tx, 5, 8)
      assert.same({{"lagged", 3}, 5, 6, 7, 8, "empty"}, drain(rx))
    end)

    it("lets a receiver catch up and lag again (lag_catch_up_then_lag_again)",
       function()
      local tx, rx = sync.broadcast(2)
      for first = 1, 4, 3 do
        send(tx, first, first + 2)
        assert.same({{"lagged", 1}, first + 1, first + 2, "empty"}, drain(rx))
      end
    end)

    it("lets one receiver lag and another not (lag_is_per_receiver)",
       function()
      local tx, slow = sync.broadcast(2)
      local fast = tx:subscribe()
      send(tx, 1, 2)
      assert.same({1, 2, "empty"}, drain(fast))
      send(tx, 3, 4)
      assert.same({3, 4, "empty"}, drain(fast))
      assert.same({{"lagged", 2}, 3, 4, "empty"}, drain(slow))
    end)

    it("tells of a second gap from where the first had ended " ..
       "(lag_again_before_reading_retained_messages)", function()
      local tx, rx = sync.broadcast(2)
      send(tx, 1, 3)
      assert.same(pack(nil, "lagged", 1), pack(rx:try_recv()))
      send(tx, 4, 6)
      assert.same({{"lagged", 3}, 5, 6, "empty"}, drain(rx))
    end)

    it("lags by one with room for one (single_slot_capacity_lag_semantics)",
       function()
      local tx, rx = sync.broadcast(1)
      send(tx, 1, 1)
      assert.equal(1, rx:recv())
      send(tx, 2, 3)
      assert.same({{"lagged", 1}, 3, "empty"}, drain(rx))
    end)

    it("gives the receiver of a receiver that lags what is new only " ..
       "(resubscribe_lagged)", function()
      local tx, rx = sync.broadcast(1)
      send(tx, 1, 2)
      local again = rx:resubscribe()
      assert.same({{"lagged", 1}, 2, "empty"}, drain(rx))
      assert.same({"empty"}, drain(again))
      tx:send(3)
      assert.same({3, "empty"}, drain(again))
    end)

    it("is closed for who comes late (resubscribe_to_closed_channel)",
       function()
      local tx, rx = sync.broadcast(2)
      tx:close()
      assert.same(pack(nil, "closed"), pack(rx:resubscribe():recv()))
    end)

    it("tells all who wait when the last sender is closed " ..
       "(dropping_tx_notifies_rx)", function()
      local tx, rx = sync.broadcast(16)
      local clone, tasks = tx:clone(), {}
      for i, mine in ipairs {rx, tx:subscribe()} do
        tasks[i] = ebb.spawn(mine.recv, mine)
      end
      settle()
      tx:close()
      settle()
      for i = 1, 2 do assert.is_false(tasks[i]:is_finished()) end
      clone:close()
      for i = 1, 2 do
        assert.same(pack(true, nil, "closed"), pack(tasks[i]:join()))
      end
    end)
  end)

  it("lets others run although there is always something", function()
    local tx, rx = sync.broadcast(1)
    local turns = common.turns_beside(function()
      for i = 1, 1000 do
        tx:send(i)
        rx:recv()
      end
    end)
    assert.is_true(turns >= 1000 // 128)
  end)

  it("is named in the message of a deadlock", function()
    local tx, rx = sync.broadcast(1)
    assert.matches("the main chunk waits for recv", error_of(rx.recv, rx))
    assert.equal(1, tx:send(1))
  end)

  it("names the argument that is wrong", function()
    local tx = sync.broadcast(1)
    assert.matches("bad argument #1", error_of(function()
      sync.broadcast(0)
    end))
    assert.matches("bad argument #1", error_of(function()
      sync.broadcast()
    end))
    assert.matches("bad argument #1 to 'send'.*other than nil",
      error_of(function() tx:send(nil) end))
  end)
end)
