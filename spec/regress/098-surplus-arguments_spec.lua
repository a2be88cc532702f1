-- LocalSet.new{}, Notify.new(1), interval(1, 2) and channel(nil, 1) took no
-- notice of what they do not know; JoinSet.new did.

local annotations = require "annotations"
local classes = require "classes"
local common = require "common"

local ebb = require "ebb"

-- ---- the rule

-- What a generic `for` may call with its control variable.
local ITERATES <const> = {
  accept = true, changed = true, join_next = true, join_next_with_id = true,
  notified = true, receive = true, recv = true, tick = true,
  try_join_next = true, try_join_next_with_id = true, try_recv = true
}

-- What may be the __close of something, which is called with the error.
local CLOSES <const> = {close = true, release = true}

-- What Lua may call with arguments of its own: hooks, metamethods, gsub.
local IS_CALLED <const> = {
  ["ebb.yield_now"] = true, ["ebb.consume_budget"] = true
}

-- __len, which Lua calls with the operand twice.
local IS_LENGTH <const> = {["JoinMap:len"] = true, ["JoinSet:len"] = true}

-- How many arguments a function takes; nil: any number.
local function most_of(name, parameters)
  local _, most = parameters:gsub("[%w_]+", "")
  local class, method = name:match "^(%u%w+):([%w_]+)$"
  if parameters:find("...", 1, true) or IS_CALLED[name] then return nil end
  if class then most = most + 1 end
  if ITERATES[method] or CLOSES[method] or IS_LENGTH[name] then
    most = most + 1
  end
  return most
end

local function expected_error(most)
  return ("bad argument #%d to '?' (no value expected, got table)")
    :format(most + 1)
end

describe("an argument that a function does not take is refused by", function()
  local annotated = annotations.read()
  for name, f in pairs(classes.functions()) do
    local most = most_of(name, annotated[name].parameters)
    if most then
      it(name, function()
        local class = name:match "^(%u%w+):"
        local arguments = {[most + 1] = {}}
        if class then arguments[1] = classes.samples[class]() end
        local err = common.error_of(f, table.unpack(arguments, 1, most + 1))
        assert.equal(expected_error(most),
                     (err:gsub("to '[%w_.]+'", "to '?'")))
      end)
    end
  end
end)

describe("an argument too many", function()
  before_each(ebb.time.pause)
  after_each(ebb.time.resume)

  it("is named as the caller counts", function()
    assert.matches("bad argument #1 to 'new' (no value expected, got table)",
                   common.error_of(function() ebb.LocalSet.new {} end), 1, true)
    assert.matches("bad argument #2 to 'interval' (no value expected, got nu",
                   common.error_of(function() ebb.time.interval(1, 2) end), 1,
                   true)
    assert.matches("bad argument #1 to 'period' (no value expected, got nu",
                   common.error_of(common.call, ebb.time.interval(1), "period",
                                   1), 1, true)
  end)

  it("is no news to an object of another class", function()
    local map, set = ebb.JoinMap.new(), ebb.JoinSet.new()
    for _, name in ipairs {"join_next", "join_all", "try_join_next"} do
      assert.matches("bad argument #1 to '?' (JoinSet expected, got JoinMap)",
                     common.error_of(set[name], map, 1, 2, 3), 1, true)
    end
  end)

  it("is none when it is nil", function()
    assert.is_userdata(ebb.sync.Notify.new(nil))
    assert.is_userdata((ebb.sync.channel(nil, nil, nil)))
    assert.is_userdata(ebb.LocalSet.new(nil))
    assert.matches("#3", common.error_of(ebb.sync.channel, nil, nil, 1), 1,
                   true)
  end)

  it("is refused before anything is done", function()
    local tx, rx = ebb.sync.channel()
    assert.is_false(pcall(tx.send, tx, 1, 2))
    assert.same({nil, "empty"}, {rx:try_recv()})
    assert.is_false(pcall(tx.close, tx, nil, 1))
    assert.is_false(tx:is_closed())
  end)

  it("does not keep a generic for from calling a method", function()
    local tx, rx = ebb.sync.channel()
    local interval = ebb.time.interval(1)
    local map = ebb.JoinMap.new()
    for i = 1, 3 do
      tx:send(i)
      map:spawn(i, common.nothing)
    end
    tx:close()
    local n = 0
    for _ in rx.recv, rx do n = n + 1 end
    for _ in map.join_next, map do n = n + 1 end
    for _ in interval.tick, interval do
      n = n + 1
      if n == 9 then break end
    end
    assert.equal(9, n)
  end)

  it("does not keep yield_now from being a hook or metamethod", function()
    local turns = common.turns_beside(function()
      local _ = setmetatable({}, {__index = ebb.yield_now}).field
      _ = ("ab"):gsub(".", ebb.consume_budget)
      do
        local _ <close> = common.closer(ebb.yield_now)
      end
      debug.sethook(ebb.yield_now, "", 1)
      debug.sethook()
    end)
    assert.is_true(turns > 2)
  end)

  it("does not keep a method from being a __close", function()
    local tx = ebb.sync.channel()
    local permit = ebb.sync.Mutex.new():lock()
    assert.is_false(pcall(function()
      local _ <close> = setmetatable({}, {__close = function(_, err)
        tx:close(err)
        permit:release(err)
      end})
      error "expected"
    end))
    assert.is_true(tx:is_closed())
  end)
end)
