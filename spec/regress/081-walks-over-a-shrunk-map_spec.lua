-- A walk over a map went from slot to slot. When the map was shrunk meanwhile
-- the tasks got other slots, and those that came below were left out.

local ebb = require "ebb"
local common = require "common"

local N <const> = 50

local HASHERS <const> = {
  ["a hash of its own"] = false,
  ["one hash for all"] = {
    hash = function() return 7 end, equal = rawequal
  },
  ["few hashes"] = {
    hash = function(key) return key % 3 end, equal = rawequal
  },
}

-- A map with much room, whose tasks lie in slots far apart.
local function roomy_map(hasher)
  local map = hasher and ebb.JoinMap.with_hasher(hasher) or ebb.JoinMap.new()
  for i = 1, 16 * N do map:spawn(i, common.forever) end
  for i = 1, 16 * N do
    if i % 16 ~= 0 then map:detach(i) end
  end
  return map
end

-- Takes tasks out as it shrinks: its room becomes less again and again.
local function shrink(map, seen)
  if seen % 10 ~= 0 then return end
  map:detach(16 * seen)
  map:reserve(seen % 20 * 100)
  map:shrink_to_fit()
end

local function end_all(map)
  map:shutdown()
  ebb.sleep(2e6) -- the detached ones
end

for name, hasher in pairs(HASHERS) do
  describe("a walk over a map with " .. name, function()
    before_each(function() ebb.time.pause() end)
    after_each(function() ebb.time.resume() end)

    it("by keys meets each task that stays once while it is shrunk", function()
      local map, seen, count = roomy_map(hasher), {}, 0
      for key, id in map:keys() do
        assert.is_nil(seen[key])
        assert.equal(id, map:id(key))
        seen[key] = true
        count = count + 1
        shrink(map, count)
      end
      for key in map:keys() do assert.is_true(seen[key], key) end
      assert.is_true(map:len() > N // 2)
      end_all(map)
    end)

    it("by abort_matching asks for each task that stays once", function()
      local map, seen, count = roomy_map(hasher), {}, 0
      map:abort_matching(function(key)
        assert.is_nil(seen[key])
        seen[key] = true
        count = count + 1
        shrink(map, count)
        return key % 32 == 0
      end)
      for key in map:keys() do assert.is_true(seen[key], key) end
      ebb.yield_now()
      for key in map:keys() do
        assert.equal(key % 32 == 0, map:is_finished(key))
      end
      end_all(map)
    end)

    it("by detach_all lets every task go", function()
      local map, reports = roomy_map(hasher), 0
      for i = 1, N do map:spawn(16 * i, error, "boom") end
      ebb.yield_now()
      ebb.set_unhandled(function()
        reports = reports + 1
        map:shrink_to_fit()
      end)
      map:detach_all()
      ebb.set_unhandled(nil)
      assert.same({0, N}, {map:len(), reports})
      end_all(map)
    end)

    it("by tostring shows every task", function()
      local map, shown = roomy_map(hasher), {}
      local key <const> = setmetatable({}, {__tostring = function()
        map:shrink_to_fit()
        return "the object"
      end})
      if not hasher then map:spawn(key, common.forever) end
      for id in tostring(map):gmatch ": (%d+)" do
        assert.is_nil(shown[id])
        shown[id] = true
      end
      for _, id in map:keys() do assert.is_true(shown[tostring(id)]) end
      end_all(map)
    end)

    it("meets each key once while its task is replaced", function()
      local map, seen, count = roomy_map(hasher), {}, 0
      for key in map:keys() do
        assert.is_nil(seen[key])
        seen[key] = true
        count = count + 1
        map:spawn(key, common.forever)
        if count % 10 == 0 then map:shrink_to_fit() end
      end
      assert.equal(N, count)
      end_all(map)
    end)
  end)
end
