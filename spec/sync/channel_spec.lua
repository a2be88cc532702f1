-- Channels. What happens when a task is aborted that waits in one is in
-- sync/abort_spec; ends and their clones are in regress/097.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle, error_of = ebb.yield_now, common.error_of

local function pack(...) return {n = select("#", ...), ...} end

-- Spawns n tasks that call f(i); their results go to the log, in order.
local function spawn_all(n, log, f)
  local tasks = {}
  for i = 1, n do
    tasks[i] = ebb.spawn(function()
      local got = f(i)
      log[#log + 1] = got
    end)
  end
  return tasks
end

local function drain(rx)
  local values = {}
  for value in rx.try_recv, rx do values[#values + 1] = value end
  return values
end

for name, capacity in pairs {bounded = 100, unbounded = false} do
  local function new() return sync.channel(capacity or nil) end

  describe("a channel, " .. name .. ",", function()
    it("gives what was sent, in order", function()
      local tx, rx = new()
      for i = 1, 100 do assert.is_true(tx:send(i)) end
      for i = 1, 100 do assert.equal(i, rx:recv()) end
      assert.same(pack(nil, "empty"), pack(rx:try_recv()))
    end)

    it("keeps the order while it grows and goes around", function()
      local tx, rx = new()
      local sent, received = 0, 0
      for round = 1, 40 do
        for _ = 1, round % 7 + 2 do
          sent = sent + 1
          tx:send(sent)
        end
        for _ = 1, round % 5 + 1 do
          if received == sent then break end
          received = received + 1
          assert.equal(received, rx:recv())
        end
      end
      while received < sent do
        received = received + 1
        assert.equal(received, rx:recv())
      end
    end)

    it("takes values of any type but nil", function()
      local tx, rx = new()
      local values = {false, true, 1, 1.5, "text", {}, print,
                      coroutine.create(print), io.stdout, tx}
      for _, value in ipairs(values) do tx:send(value) end
      for _, value in ipairs(values) do assert.equal(value, rx:recv()) end
      assert.matches("bad argument #1 to 'send'.*other than nil",
        error_of(function() tx:send(nil) end))
      assert.matches("bad argument #1 to 'try_send'.*other than nil",
        error_of(function() tx:try_send() end))
    end)

    it("hands a value to the receiver that has waited longest", function()
      local tx, rx = new()
      local log = {}
      spawn_all(3, log, function(i) return i .. rx:recv() end)
      settle()
      tx:send "a"
      tx:send "b"
      assert.same(pack(nil, "empty"), pack(rx:try_recv()))
      settle()
      assert.same({"1a", "2b"}, log)
      tx:send "c"
      settle()
      assert.same({"1a", "2b", "3c"}, log)
    end)

    it("serves many tasks on each end", function()
      local tx, rx = new()
      local sum, count = 0, 0
      local map = ebb.JoinMap.new()
      for i = 1, 10 do
        map:spawn(i, function()
          for n = 1, 100 do tx:send(n) end
        end)
      end
      for i = 11, 15 do
        map:spawn(i, function()
          for n in rx.recv, rx do
            sum, count = sum + n, count + 1
          end
        end)
      end
      for i = 1, 10 do assert.is_true(map:join(i)) end
      tx:close()
      for i = 11, 15 do assert.is_true(map:join(i)) end
      assert.equal(1000, count)
      assert.equal(10 * 5050, sum)
    end)

    it("is closed by either end, which ends all sends", function()
      for _, end_of in ipairs {1, 2} do
        local ends = {new()}
        local tx, rx = ends[1], ends[2]
        tx:send "kept"
        assert.is_false(tx:is_closed())
        ends[end_of]:close()
        ends[end_of]:close()
        assert.is_true(tx:is_closed())
        assert.same(pack(nil, "closed"), pack(tx:send(1)))
        assert.same(pack(nil, "closed"), pack(tx:try_send(1)))
        assert.equal("kept", rx:recv())
        assert.same(pack(nil), pack(rx:recv()))
        assert.same(pack(nil, "closed"), pack(rx:try_recv()))
      end
    end)

    it("as in Tokio, tells an empty one from a closed one " ..
       "(try_recv_bounded, try_recv_unbounded, " ..
       "try_recv_close_while_empty_bounded, " ..
       "try_recv_close_while_empty_unbounded)", function()
      for n = 0, 99 do
        local tx, rx = new()
        for i = 1, n do assert.is_true(tx:try_send(i)) end
        for i = 1, n do assert.equal(i, rx:try_recv()) end
        assert.same(pack(nil, "empty"), pack(rx:try_recv()))
        tx:close()
        assert.same(pack(nil, "closed"), pack(rx:try_recv()))
      end
    end)

    it("as in Tokio, is closed for a receiver that closes it while it is " ..
       "empty (try_recv_after_receiver_close)", function()
      local tx, rx = new()
      assert.same(pack(nil, "empty"), pack(rx:try_recv()))
      rx:close()
      assert.same(pack(nil, "closed"), pack(rx:try_recv()))
      assert.is_true(tx:is_closed())
    end)

    it("ends the waits of receivers when it is closed, after what was sent",
       function()
      local tx, rx = new()
      local log = {}
      spawn_all(3, log, function(i) return i .. tostring(rx:recv()) end)
      settle()
      tx:send "a"
      tx:close()
      settle()
      assert.same({"1a", "2nil", "3nil"}, log)
    end)

    it("is closed at the end of a scope", function()
      local tx, rx = new()
      do
        local sender <close> = tx
        sender:send(1)
      end
      assert.same({1}, drain(rx))
      assert.is_true(tx:is_closed())
    end)

    it("is closed when the last sender is collected", function()
      local tx, rx = new()
      local receiver = ebb.spawn(function() return rx:recv() end)
      settle()
      tx = nil
      common.collect()
      assert.same(pack(true, nil), pack(receiver:join()))
    end)

    it("is closed, and lets go of its values, when the receiver is collected",
       function()
      local tx, rx = new()
      local values = setmetatable({{}, {}, {}}, {__mode = "v"})
      for i = 1, 3 do tx:send(values[i]) end
      rx = nil
      common.collect()
      assert.same(pack(nil, "closed"), pack(tx:send(1)))
      common.collect()
      assert.is_nil(next(values))
    end)

    it("keeps what is in it, and lets go of what was received", function()
      local tx, rx = new()
      local values = setmetatable({{}, {}}, {__mode = "v"})
      tx:send(values[1])
      tx:send(values[2])
      rx:recv()
      common.collect()
      assert.is_nil(values[1])
      assert.is_table(values[2])
      rx:recv()
    end)

    it("gives back the memory of a crowd that has gone", function()
      local tx, rx = sync.channel(capacity and 10000 or nil)
      local function kib()
        common.collect()
        return collectgarbage "count"
      end
      local before = kib()
      for i = 1, 10000 do tx:send(i) end
      assert.is_true(kib() - before > 100)
      for i = 1, 10000 do assert.equal(i, rx:recv()) end
      tx:send "first of the next"
      assert.is_true(kib() - before < 50)
      assert.equal("first of the next", rx:recv())
    end)

    it("lets others run although there is always something", function()
      local tx, rx = new()
      local turns = common.turns_beside(function()
        for i = 1, 1000 do
          tx:send(i)
          rx:recv()
        end
      end)
      local waits = capacity and 2000 or 1000 -- an unbounded send is none
      assert.is_true(turns >= waits // 128)
    end)

    it("can be used inside what waits inside it", function()
      local tx, rx = new()
      local producer = coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(rx:recv() * i) end
      end)
      ebb.spawn(function()
        table.sort({1, 2, 3}, function(a, b)
          tx:send(10)
          return a < b
        end)
      end)
      assert.equal(10, producer())
      assert.equal(20, producer())
      assert.equal(30, producer())
    end)
  end)
end

describe("a bounded channel", function()
  it("holds so many values", function()
    local tx, rx = sync.channel(2)
    assert.is_true(tx:try_send(1))
    assert.is_true(tx:try_send(2))
    assert.same(pack(nil, "full"), pack(tx:try_send(3)))
    assert.equal(1, rx:try_recv())
    assert.is_true(tx:try_send(3))
    assert.same({2, 3}, drain(rx))
  end)

  it("makes senders wait, and lets them go on in order", function()
    local tx, rx = sync.channel(1)
    local log = {}
    spawn_all(4, log, function(i)
      assert(tx:send(i))
      return i
    end)
    settle()
    assert.same({1}, log)
    for i = 1, 3 do
      assert.equal(i, rx:recv())
      assert.same(pack(nil, "full"), pack(tx:try_send "too early"))
      settle()
    end
    assert.same({1, 2, 3, 4}, log)
    assert.same({4}, drain(rx))
  end)

  it("does not count what waiting receivers were given", function()
    local tx, rx = sync.channel(1)
    local log = {}
    local tasks = spawn_all(3, log, function() return rx:recv() end)
    settle()
    for i = 1, 4 do assert.is_true(tx:try_send(i)) end
    assert.same(pack(nil, "full"), pack(tx:try_send(5)))
    settle()
    assert.same({1, 2, 3}, log)
    assert.equal(4, rx:recv())
    for _, task in ipairs(tasks) do task:await() end
  end)

  it("ends the waits of senders when it is closed", function()
    for _, end_of in ipairs {1, 2} do
      local ends = {sync.channel(1)}
      local tx, rx = ends[1], ends[2]
      local log = {}
      tx:send "first"
      spawn_all(3, log, function(i) return i .. select(2, tx:send(i)) end)
      settle()
      ends[end_of]:close()
      settle()
      assert.same({"1closed", "2closed", "3closed"}, log)
      assert.same({"first"}, drain(rx))
    end
  end)

  it("tells a sender that had a place already when it is closed", function()
    local tx, rx = sync.channel(1)
    tx:send(1)
    local sender = ebb.spawn(function() return tx:send(2) end)
    settle()
    assert.equal(1, rx:recv())
    rx:close()
    assert.same(pack(true, nil, "closed"), pack(sender:join()))
    assert.is_nil(rx:recv())
  end)

  it("as in Tokio, has room again when it is closed (try_send_fail, " ..
     "try_send_fail_with_try_recv)", function()
    for _, recv in ipairs {"recv", "try_recv"} do
      local tx, rx = sync.channel(1)
      assert.is_true(tx:try_send "hello")
      assert.same(pack(nil, "full"), pack(tx:try_send "fail"))
      assert.equal("hello", rx[recv](rx))
      assert.is_true(tx:try_send "goodbye")
      tx:close()
      assert.equal("goodbye", rx[recv](rx))
      assert.is_nil((rx[recv](rx)))
    end
  end)

  it("as in Tokio, may be sent to for a time (recv_timeout)", function()
    ebb.time.pause()
    local tx, rx = sync.channel(2)
    local function send(value)
      return ebb.time.timeout(1, tx.send, tx, value)
    end
    for i = 1, 2 do assert.same(pack(true, true), pack(send(i))) end
    assert.same(pack(nil, "elapsed"), pack(send(3)))
    assert.same({1, 2}, drain(rx))
    rx:close()
    assert.same(pack(true, nil, "closed"), pack(send(4)))
    ebb.time.resume()
  end)

  it("wants a capacity of at least 1", function()
    for _, n in ipairs {0, -1, 1.5, "many", {}} do
      assert.matches("bad argument #1 to 'channel'",
        error_of(function() sync.channel(n) end))
    end
  end)

  it("allocates nothing for a waiter", function()
    local tx, rx = sync.channel(1)
    local task = ebb.spawn(function()
      for _ in rx.recv, rx do end
    end)
    local function rounds(n)
      for i = 1, n do
        tx:send(i)
        settle()
      end
    end
    rounds(200)
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    -- The main chunk's own waits make an object each.
    for _ = 1, 100 do settle() end
    local settling = collectgarbage "count" - before
    before = collectgarbage "count"
    rounds(100)
    local waiting = collectgarbage "count" - before
    collectgarbage "restart"
    assert.near(settling, waiting, 0.5)
    tx:close()
    task:await()
  end)
end)

describe("what waits in a channel", function()
  before_each(function() ebb.time.pause() end)
  after_each(function() ebb.time.resume() end)

  it("is named in the message of a deadlock", function()
    local tx, rx = sync.channel(1)
    tx:send(1)
    local sender = ebb.spawn(function() tx:send(2) end)
    local _, empty = sync.channel()
    local message = error_of(function() return _ and empty:recv() end)
    assert.matches("the main chunk waits for recv", message)
    assert.matches("task %d+ waits for send", message)
    sender:abort()
    settle()
  end)

  it("is shown by ebb.tasks", function()
    local tx, rx = sync.channel()
    local task = ebb.spawn(function() return rx:recv(), tx end)
    settle()
    for _, info in ipairs(ebb.tasks()) do
      if info.id == task:id() then assert.equal("recv", info.waiting_for) end
    end
    task:abort()
    settle()
  end)
end)

describe("the ends of a channel", function()
  it("refuse what is not theirs", function()
    local tx, rx = sync.channel()
    local once = sync.oneshot()
    assert.matches("Sender expected", error_of(tx.send, rx, 1))
    assert.matches("Receiver expected", error_of(rx.recv, tx))
    assert.matches("Sender expected", error_of(tx.send, once, 1))
    assert.matches("OneshotSender expected", error_of(once.send, tx, 1))
    assert.matches("Sender expected", error_of(tx.send))
  end)

  it("cannot wait inside a finalizer", function()
    local tx, rx = sync.channel(1)
    local message
    setmetatable({}, {__gc = function()
      message = error_of(rx.recv, rx)
      tx:try_send "from a finalizer"
    end})
    common.collect()
    assert.matches("cannot wait inside a finalizer", message)
    assert.equal("from a finalizer", rx:recv())
  end)
end)
