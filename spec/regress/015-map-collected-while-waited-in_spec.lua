-- A task in its clean-up waited inside a call of its map, in the user's
-- hasher or in join_next, when the collector found the map dead, and freed
-- what the call still walked over.

local run = require "run"

local function assert_survives(in_clean_up)
  local status, out, err = run([[
    local ebb = require "ebb"
    ebb.time.pause()
    local function may_wait()
      if ebb.try_id() then ebb.sleep(5) end
    end
    do
      local cleaning = false
      local map = ebb.JoinMap.with_hasher {
        hash = function() return 1 end,
        equal = function(a, b)
          if cleaning then ebb.sleep(5) end
          return a == b
        end}
      map:spawn("first", function()
        local _ <close> = setmetatable({}, {__close = function()
          cleaning = true
          ]] .. in_clean_up .. [[

          print "went on"
        end})
        ebb.sleep(1e6)
      end)
      map:spawn("second", function() ebb.sleep(1e6) end)
      ebb.yield_now()
      map:abort("first")
    end
    ebb.sleep(1)
    collectgarbage()
    collectgarbage()
    ebb.sleep(100)
  ]])
  assert.equal("", err)
  assert.equal("went on\n", out)
  assert.equal(0, status)
end

describe("a map that is collected while a clean-up waits in it", function()
  for name, call in pairs {
    ["in a look-up"] = "pcall(map.contains_key, map, 'first')",
    ["in a spawn"] = "pcall(map.spawn, map, 'first', type, 1)",
    ["in an abort"] = "pcall(map.abort, map, 'third')",
    ["in join_next"] = "pcall(map.join_next, map)",
    ["in join"] = "pcall(map.join, map, 'second')",
    ["in shutdown"] = "pcall(map.shutdown, map)",
    ["in a sort in join_next"] = [[
      table.sort({1, 2}, function() pcall(map.join_next, map) end)]],
  } do
    it("does no harm, " .. name, function() assert_survives(call) end)
  end
end)
