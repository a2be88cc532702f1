-- A broadcast held the last values for as long as it had an end, though all
-- receivers had got them, or were closed: nobody could receive them any more.

local ebb = require "ebb"
local common = require "common"

local sync = ebb.sync

-- Sends n tables; they are listed in the order of sending, weakly.
local function send(tx, n)
  local values = setmetatable({}, {__mode = "v"})
  for i = 1, n do
    values[i] = {}
    tx:send(values[i])
  end
  return values
end

-- The numbers of those that are still held.
local function held(values, n)
  common.collect()
  local list = {}
  for i = 1, n do
    if values[i] then list[#list + 1] = i end
  end
  return list
end

describe("a broadcast", function()
  it("lets go of a value that all receivers have got", function()
    local tx, rx = sync.broadcast(4)
    local other = tx:subscribe()
    local values = send(tx, 3)
    rx:recv()
    rx:try_recv()
    other:recv()
    assert.same({2, 3}, held(values, 3))
    other:recv()
    assert.same({3}, held(values, 3))
    assert.is_table(rx:recv())
    assert.is_table(other:recv())
    assert.same({}, held(values, 3))
  end)

  it("lets go of what only a closed receiver had not got", function()
    local tx, rx = sync.broadcast(4)
    local other = tx:subscribe()
    local values = send(tx, 3)
    other:recv()
    rx:close()
    rx:close()
    assert.same({2, 3}, held(values, 3))
    other:close()
    assert.same({}, held(values, 3))
    assert.equal(0, tx:receiver_count())
  end)

  it("lets go of what only a collected receiver had not got", function()
    local tx, rx = sync.broadcast(4)
    tx:subscribe()
    local values = send(tx, 2)
    rx:recv()
    common.collect()
    assert.same({2}, held(values, 2))
    assert.is_table(rx:recv())
  end)

  it("does not ask for values that a receiver had missed", function()
    local tx, rx = sync.broadcast(2)
    local other = tx:subscribe()
    local values = send(tx, 5)
    rx:close()
    assert.same({4, 5}, held(values, 5))
    assert.same({nil, "lagged", 3}, {other:recv()})
    other:recv()
    assert.same({5}, held(values, 5))
    local late = tx:subscribe()
    tx:send "last"
    assert.is_table(other:recv())
    assert.equal("last", other:recv())
    assert.equal("last", late:recv())
    assert.same({}, held(values, 5))
  end)

  -- `receivers`: what is open, and the number that each wants next.
  local function assert_held(receivers, values, sent)
    local oldest, expected = sent + 1, {}
    for _, receiver in ipairs(receivers) do
      oldest = math.min(oldest, receiver.next)
    end
    for i = math.max(oldest, sent - 7), sent do
      expected[#expected + 1] = i
    end
    assert.same(expected, held(values, sent))
  end

  local function receive(receiver)
    local value, why, missed = receiver.rx:try_recv()
    receiver.next = receiver.next + (missed or value and 1 or 0)
    if value then return assert.equal(receiver.next - 1, value[1]) end
    assert.is_true(why == "lagged" or why == "empty")
  end

  it("holds for each of many receivers what that one has not got", function()
    math.randomseed(130)
    local tx, first = sync.broadcast(8)
    local receivers, sent = {{rx = first, next = 1}}, 0
    local values = setmetatable({}, {__mode = "v"})
    for round = 1, 2000 do
      local i, draw = math.random(#receivers), math.random(10)
      if draw <= 3 then
        sent = sent + 1
        values[sent] = {sent}
        tx:send(values[sent])
      elseif draw == 4 and #receivers < 4 then
        receivers[#receivers + 1] = {rx = tx:subscribe(), next = sent + 1}
      elseif draw == 5 and #receivers > 1 then
        table.remove(receivers, i).rx:close()
      else
        receive(receivers[i])
      end
      if round % 20 == 0 then assert_held(receivers, values, sent) end
    end
  end)
end)
