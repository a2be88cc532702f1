-- JoinMap: 10,000 random operations, and a plain Lua table that keeps account
-- of what must come of them.

local ebb = require "ebb"
local common = require "common"
local maps = require "maps"
local JoinMap = ebb.JoinMap

local forever = common.forever

local long_string = maps.long_string

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

-- A plain Lua model of a map: entries[key] = {id, state, value}, where state
-- is "quick" or "stuck" (spawned), "aborted" (will be cancelled), and, once
-- the tasks have had their turn, "done" or "cancelled".
local Model = {}
Model.__index = Model

function Model.new(map)
  local pool = {{}, {}, print, io.stdout, true, false, long_string()}
  return setmetatable({map = map, entries = {}, pool = pool, serial = 0},
                      Model)
end

function Model:key()
  local n = math.random(30)
  local kind = math.random(4)
  if kind == 1 then return n end
  if kind == 2 then return n + 0.0 end
  if kind == 3 then return ("key %d"):format(n) end
  return self.pool[n % #self.pool + 1]
end

-- All tasks take their turn, in the map and in the model.
function Model:settle()
  ebb.yield_now()
  for _, entry in pairs(self.entries) do
    if entry.state == "quick" then entry.state = "done" end
    if entry.state == "aborted" then entry.state = "cancelled" end
  end
end

function Model:has_ended(entry)
  return entry.state == "done" or entry.state == "cancelled"
end

function Model:count(test)
  local count = 0
  for _, entry in pairs(self.entries) do
    if not test or test(self, entry) then count = count + 1 end
  end
  return count
end

function Model:add(key, id, state, value)
  self.entries[key] = {id = id, state = state, value = value}
end

function Model:abort(key)
  local entry = self.entries[key]
  if entry and not self:has_ended(entry) then entry.state = "aborted" end
end

-- Checks a join's outcome against the model and takes the entry out.
function Model:take(key, ok, value)
  local entry = self.entries[key]
  assert.is_not_nil(entry)
  assert.equal(entry.state, ok and "done" or "cancelled")
  if ok then
    assert.equal(entry.value, value)
  else
    assert.is_true(value:is_cancelled())
    assert.equal(entry.id, value:id())
  end
  self.entries[key] = nil
end

local OPERATIONS = {
  function(model, key)
    model.serial = model.serial + 1
    local value = model.serial
    local id = model.map:spawn(key, function() return value end)
    model:add(key, id, "quick", value)
  end,

  function(model, key)
    model:add(key, model.map:spawn(key, forever), "stuck")
  end,

  function(model, key)
    local id = model.map:spawn_if_absent(key, forever)
    assert.equal(model.entries[key] == nil, id ~= nil)
    if id then model:add(key, id, "stuck") end
  end,

  function(model, key)
    assert.equal(model.entries[key] ~= nil, model.map:abort(key))
    model:abort(key)
  end,

  function(model, key)
    assert.equal(model.entries[key] ~= nil, model.map:detach(key))
    model.entries[key] = nil
  end,

  function(model)
    model:settle()
  end,

  function(model)
    local key, ok, value = model.map:try_join_next()
    if key == nil then
      assert.equal(0, model:count(model.has_ended))
    else
      model:take(key, ok, value)
    end
  end,

  function(model)
    model:settle()
    if model:count(model.has_ended) > 0 then
      model:take(model.map:join_next())
    end
  end,

  function(model, key)
    model:settle()
    local entry = model.entries[key]
    if not entry then
      assert.is_nil((model.map:join(key)))
    elseif model:has_ended(entry) then
      model:take(key, model.map:join(key))
    end
  end,

  function(model)
    local remainder = math.random(0, 4)
    local function matches(key)
      return type(key) == "number" and key % 5 == remainder
    end
    model.map:abort_matching(matches)
    for key in pairs(model.entries) do
      if matches(key) then model:abort(key) end
    end
  end,

  function(model)
    local seen = {}
    for key, id in model.map:keys() do
      assert.is_nil(seen[key])
      seen[key] = id
    end
    for key, entry in pairs(model.entries) do
      assert.equal(entry.id, seen[key])
      seen[key] = nil
    end
    assert.is_nil(next(seen))
  end,

  function(model)
    model.map:shrink_to_fit()
    if math.random(20) == 1 then
      model.map:detach_all()
      model.entries = {}
    end
  end,
}

local function check_against_model(map, operations)
  math.randomseed(42)
  local model = Model.new(map)
  for _ = 1, operations do
    local key = model:key()
    OPERATIONS[math.random(#OPERATIONS)](model, key)
    local entry = model.entries[key]
    assert.equal(model:count(), map:len())
    assert.equal(entry ~= nil, map:contains_key(key))
    assert.equal(entry and entry.id, map:id(key))
    if entry then
      assert.is_true(map:contains_task(entry.id))
      assert.equal(model:has_ended(entry), map:is_finished(key))
    end
  end
  map:shutdown()
  ebb.sleep(2e6)
end

describe("10,000 random operations agree with a plain Lua model", function()
  it("with Lua's own keys", function()
    check_against_model(JoinMap.new(), 10000)
  end)

  it("with a hasher whose hashes collide", function()
    check_against_model(JoinMap.with_hasher {
      hash = function(key) return #type(key) end,
      equal = rawequal,
    }, 10000)
  end)
end)
