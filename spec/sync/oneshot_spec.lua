-- Oneshots. What happens when a task is aborted that waits in one is in
-- sync/abort_spec.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle = ebb.yield_now

local function pack(...) return {n = select("#", ...), ...} end

describe("a oneshot", function()
  it("gives its one value", function()
    local tx, rx = sync.oneshot()
    local task = ebb.spawn(function() return rx:recv() end)
    settle()
    assert.is_true(tx:send "value")
    assert.is_false(tx:send "another")
    assert.same(pack(true, "value"), pack(task:join()))
    assert.same(pack(nil, "closed"), pack(rx:recv()))
  end)

  it("keeps the value until it is received", function()
    local tx, rx = sync.oneshot()
    assert.same(pack(nil, "empty"), pack(rx:try_recv()))
    assert.is_true(tx:send(false))
    assert.equal(false, rx:recv())
    assert.same(pack(nil, "closed"), pack(rx:try_recv()))
  end)

  it("is closed by the sender", function()
    local tx, rx = sync.oneshot()
    local task = ebb.spawn(function() return rx:recv() end)
    settle()
    tx:close()
    assert.same(pack(true, nil, "closed"), pack(task:join()))
    assert.is_false(tx:send(1))
  end)

  it("is closed by the receiver, who still gets what was sent", function()
    local tx, rx = sync.oneshot()
    assert.is_false(tx:is_closed())
    rx:close()
    assert.is_true(tx:is_closed())
    assert.is_false(tx:send(1))
    tx, rx = sync.oneshot()
    assert.is_true(tx:send(1))
    rx:close()
    assert.equal(1, rx:recv())
  end)

  it("is closed when an end is collected", function()
    local tx, rx = sync.oneshot()
    tx = nil
    common.collect()
    assert.same(pack(nil, "closed"), pack(rx:recv()))
    tx, rx = sync.oneshot()
    rx = nil
    common.collect()
    assert.is_true(tx:is_closed())
    assert.is_false(tx:send(1))
  end)

  it("leaves the value to the next when its receiver is aborted", function()
    for _, given in ipairs {false, true} do
      local tx, rx = sync.oneshot()
      local first = ebb.spawn(function() return rx:recv() end)
      local second = ebb.spawn(function() return rx:recv() end)
      settle()
      if given then tx:send "value" end
      first:abort()
      if not given then tx:send "value" end
      assert.is_false((first:join()))
      assert.same(pack(true, "value"), pack(second:join()))
    end
  end)

  it("tells the second of two receivers that there is no more", function()
    local tx, rx = sync.oneshot()
    local first, second = ebb.spawn(rx.recv, rx), ebb.spawn(rx.recv, rx)
    settle()
    tx:send "value"
    assert.same(pack(true, "value"), pack(first:join()))
    assert.same(pack(true, nil, "closed"), pack(second:join()))
  end)

  describe("as in Tokio", function()
    it("tells who waits that the receiver was closed (explicit_close_poll), " ..
       "and who does not (explicit_close_try_recv)", function()
      local tx, rx = sync.oneshot()
      local task = ebb.spawn(rx.recv, rx)
      settle()
      rx:close()
      assert.is_true(tx:is_closed())
      assert.is_false(tx:send(1))
      assert.same(pack(true, nil, "closed"), pack(task:join()))
      assert.same(pack(nil, "closed"), pack(rx:try_recv()))
      tx, rx = sync.oneshot()
      tx:send(1)
      rx:close()
      assert.equal(1, rx:try_recv())
    end)

    for name, recv in pairs {
      try_recv_after_completion = "try_recv",
      try_recv_after_completion_await = "recv"
    } do
      it("has no more after its value, and may be closed then (" .. name ..
         ", close_after_recv)", function()
        local tx, rx = sync.oneshot()
        tx:send(17)
        assert.equal(17, rx[recv](rx))
        assert.same(pack(nil, "closed"), pack(rx:try_recv()))
        rx:close()
        assert.same(pack(nil, "closed"), pack(rx:recv()))
      end)
    end
  end)
end)
