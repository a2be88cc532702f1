-- The first of two producers with `local tx <close> = tx` to end closed the
-- channel for both: there were no ends to count.

local ebb = require "ebb"
local common = require "common"

local sync = ebb.sync

describe("a channel", function()
  before_each(ebb.time.pause)
  after_each(ebb.time.resume)

  local function producer(tx, name, seconds)
    local tx <close> = tx
    for i = 1, 3 do
      ebb.sleep(seconds)
      tx:send(name .. i)
    end
  end

  it("closes with the last of its producers", function()
    local tx, rx = sync.channel(1)
    ebb.spawn(producer, tx:clone(), "a", 1)
    ebb.spawn(producer, tx:clone(), "b", 10)
    tx:close()
    local got = {}
    for value in rx.recv, rx do got[#got + 1] = value end
    assert.same({"a1", "a2", "a3", "b1", "b2", "b3"}, got)
    assert.same({nil, "closed"}, {rx:try_recv()})
  end)

  it("closes with its last sender, whichever that is", function()
    local tx, rx = sync.channel()
    local clone = tx:clone()
    local other = clone:clone()
    tx:close()
    tx:close()
    clone:close()
    assert.is_false(other:is_closed())
    assert.is_true(other:send(1))
    assert.same({nil, "closed"}, {tx:send(2)})
    assert.same({nil, "closed"}, {clone:try_send(2)})
    assert.is_true(tx:is_closed())
    other:close()
    assert.equal(1, rx:recv())
    assert.is_nil(rx:recv())
  end)

  it("closes when the last sender is collected", function()
    local tx, rx = sync.channel(1)
    do
      local clone = tx:clone()
      clone:send(1)
    end
    tx:close()
    common.collect()
    assert.equal(1, rx:recv())
    assert.is_nil(rx:recv())
  end)

  it("has a producer's place given up when that is aborted", function()
    local tx, rx = sync.channel(1)
    local handle = ebb.spawn(function(tx)
      local _ <close> = tx
      common.forever()
    end, tx:clone())
    ebb.yield_now()
    tx:close()
    handle:abort()
    assert.is_nil(rx:recv())
  end)

  it("has closed clones of closed senders", function()
    local tx, rx = sync.channel()
    local clone = tx:clone()
    tx:close()
    local dead = tx:clone()
    assert.is_true(dead:is_closed())
    assert.is_false(clone:is_closed())
    clone:close()
    assert.is_true(clone:clone():is_closed())
    assert.is_nil(rx:recv())
  end)

  -- Sends that wait, in this order, through `txs`; what became of them.
  local function sends(txs)
    local results = {}
    for i, tx in ipairs(txs) do
      ebb.spawn(function()
        results[i] = {tx:send(i)}
      end)
    end
    ebb.yield_now()
    return results
  end

  it("ends the sends that wait at a sender that is closed", function()
    local tx, rx = sync.channel(1)
    local clone = tx:clone()
    tx:send(0)
    local results = sends {tx, clone, tx, clone}
    tx:close()
    ebb.yield_now()
    assert.same({{nil, "closed"}, nil, {nil, "closed"}}, results)
    assert.same({0, 2, 4}, {rx:recv(), rx:recv(), rx:recv()})
    ebb.yield_now()
    assert.same({true}, results[4])
  end)

  it("hands on the place that a closed sender has been given", function()
    local tx, rx = sync.channel(1)
    local clone = tx:clone()
    tx:send(0)
    local results = sends {tx, clone}
    rx:recv()
    tx:close()
    ebb.yield_now()
    ebb.yield_now()
    assert.same({{nil, "closed"}, {true}}, results)
    assert.equal(2, rx:recv())
  end)

  it("closes with its last receiver, too", function()
    local tx, rx = sync.channel(1)
    local workers = ebb.JoinSet.new()
    for _ = 1, 2 do
      workers:spawn(function(rx)
        local rx <close> = rx
        return rx:recv()
      end, rx:clone())
    end
    rx:close()
    ebb.yield_now()
    assert.is_true(tx:send "first")
    assert.is_true(tx:send "second")
    assert.same({"first", "second"}, workers:join_all())
    assert.same({nil, "closed"}, {tx:send "third"})
  end)

  it("gives a closed receiver what is there, and no more", function()
    local tx, rx = sync.channel()
    local clone = rx:clone()
    local waiting = ebb.spawn(function() return clone:recv() end)
    local other = ebb.spawn(function() return rx:recv() end)
    ebb.yield_now()
    clone:close()
    ebb.yield_now()
    assert.same({true}, {waiting:join()})
    assert.is_false(other:is_finished())
    tx:send(1)
    assert.same({true, 1}, {other:join()})
    tx:send(2)
    assert.equal(2, clone:recv())
    assert.same({nil, "closed"}, {clone:try_recv()})
    assert.same({nil, "empty"}, {rx:try_recv()})
  end)

  it("keeps what is left for a receiver that is closed", function()
    local tx, rx = sync.channel()
    do
      local _ = rx:clone()
    end
    tx:send {}
    rx:close()
    common.collect()
    assert.same({}, rx:recv())
    assert.is_nil(rx:recv())
  end)

  it("lets a finalizer clone", function()
    local tx, rx = sync.channel()
    local clone
    setmetatable({}, {__gc = function() clone = tx:clone() end})
    common.collect()
    tx:close()
    clone:send(1)
    assert.equal(1, rx:recv())
  end)
end)

describe("a watch", function()
  it("closes with its last sender", function()
    local tx, rx = sync.watch(0)
    local clone = tx:clone()
    tx:close()
    assert.is_true(clone:send(1))
    assert.same({nil, "closed"}, {tx:send(2)})
    assert.is_true(rx:changed())
    assert.equal(1, rx:borrow())
    clone:close()
    assert.same({nil, "closed"}, {rx:changed()})
    assert.is_true(clone:clone():is_closed())
  end)

  it("has receivers whose clones have seen what they have seen", function()
    local tx, rx = sync.watch(0)
    local early = rx:clone()
    tx:send(1)
    local late = rx:clone()
    rx:borrow_and_update()
    local knowing = rx:clone()
    assert.is_true(early:has_changed())
    assert.is_true(late:has_changed())
    assert.is_false(knowing:has_changed())
    assert.equal(4, tx:receiver_count())
    early:close()
    assert.same({nil, "closed"}, {early:clone():changed()})
    assert.equal(3, tx:receiver_count())
  end)
end)

describe("a broadcast", function()
  it("closes with its last sender", function()
    local tx, rx = sync.broadcast(4)
    local clone = tx:clone()
    tx:close()
    assert.equal(1, clone:send "value")
    assert.same({nil, "closed"}, {tx:clone():send "value"})
    assert.equal("value", rx:recv())
    assert.same({nil, "empty"}, {rx:try_recv()})
    clone:close()
    assert.same({nil, "closed"}, {rx:recv()})
  end)
end)
