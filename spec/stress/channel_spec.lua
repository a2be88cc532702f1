-- Channels under load: finalizers that use one, and random programs that lose
-- nothing.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

describe("a channel that a finalizer sends to and receives from", function()
  -- Finalizers run where a send makes room.
  it("loses nothing and keeps the order", function()
    local tx, rx = sync.channel()
    local expected, received, n = 1, {}, 0
    local function send()
      n = n + 1
      return tx:try_send(n)
    end
    local sends = 0
    local function bomb()
      setmetatable({}, {__gc = function()
        if sends > 3000 then return end
        sends = sends + 1
        tx:try_send "finalizer"
        if sends % 3 == 0 then
          received[#received + 1] = rx:try_recv()
        end
        bomb()
      end})
    end
    for _ = 1, 50 do bomb() end
    -- Each step is a whole cycle.
    common.collect_in_steps(1, 1000, 40)
    collectgarbage()
    sends = 0
    for _ = 1, 3000 do
      if not send() then error "not sent" end
    end
    assert.is_true(sends > 0)
    sends = math.huge
    common.collect_in_steps(200, 100, 13)
    for value in rx.try_recv, rx do received[#received + 1] = value end
    for _, value in ipairs(received) do
      if value ~= "finalizer" then
        assert.equal(expected, value)
        expected = expected + 1
      end
    end
    assert.equal(3001, expected)
    assert.is_true(#received > 3000)
  end)
end)

-- Random senders, receivers and aborts, against the sum of what was sent.
describe("many random programs", function()
  local function play(capacity, seed)
    math.randomseed(seed)
    local tx, rx = sync.channel(capacity)
    local sent, received, last = {}, {}, {}
    local tasks, count = {}, 0

    local function sender(who)
      while true do
        local n = (sent[who] or 0) + 1
        if not tx:send {who, n} then return end
        sent[who] = n
        if math.random(3) == 1 then ebb.yield_now() end
      end
    end

    -- One task may be aborted between its being given a value and its taking
    -- it, never between taking and noting.
    local function receiver()
      for value in rx.recv, rx do
        local who, n = value[1], value[2]
        assert((received[who] or 0) < n)
        received[who] = n
        count = count + 1
        last[#last + 1] = n
      end
    end

    for i = 1, 6 do tasks[i] = ebb.spawn(i < 4 and sender or receiver, i) end
    for round = 1, 300 do
      local i = math.random(6)
      local ids = i < 4 and round * 10 + i
      tasks[i]:abort()
      tasks[i] = ebb.spawn(i < 4 and sender or receiver, ids)
      for _ = 1, math.random(0, 2) do ebb.yield_now() end
    end
    tx:close()
    for i = 1, 6 do tasks[i]:join() end
    local total = 0
    for who, n in pairs(sent) do
      total = total + n
      assert.equal(n, received[who])
    end
    assert.equal(total, count)
    assert.is_true(total > 100)
  end

  for _, capacity in ipairs {1, 2, 5} do
    it("lose nothing with a capacity of " .. capacity, function()
      for seed = 1, 10 do play(capacity, seed) end
    end)
  end
end)
