-- A map or handle whose finalizer had run was used: by another finalizer, or
-- by the clean-up of a task of the map. The engine's half was gone: a crash.

local run = require "run"

local function assert_prints(expected, code)
  local status, out, err = run(code)
  assert.equal("", err)
  assert.equal(expected, out)
  assert.equal(0, status)
end

describe("a JoinHandle that has been collected", function()
  it("may be used by a finalizer", function()
    assert_prints("used\n", [[
      local ebb = require "ebb"
      do
        local user = setmetatable({}, {__gc = function(self)
          pcall(self.handle.abort, self.handle)
          pcall(self.handle.join, self.handle)
          pcall(self.handle.id, self.handle)
          pcall(self.handle.abort_handle, self.handle)
          pcall(tostring, self.handle)
          print "used"
        end})
        user.handle = ebb.spawn(function() end)
      end
      collectgarbage()
      collectgarbage()
    ]])
  end)

  it("may be finalized by hand while a task waits for it", function()
    assert_prints("went on\n", [[
      local ebb = require "ebb"
      ebb.time.pause()
      local handle = ebb.spawn(function() ebb.sleep(1) end)
      ebb.spawn(function()
        table.sort({1, 2}, function() pcall(handle.join, handle) end)
      end)
      ebb.yield_now()
      local gc = debug.getmetatable(handle).__gc
      gc(handle)
      ebb.sleep(3)
      print "went on"
    ]])
  end)
end)

describe("a JoinMap that has been collected", function()
  it("may be used by a finalizer", function()
    assert_prints("used\n", [[
      local ebb = require "ebb"
      do
        local user = setmetatable({}, {__gc = function(self)
          local m = self.map
          for _, name in ipairs {"len", "is_empty", "keys", "abort_all",
            "detach_all", "capacity", "try_join_next", "shrink_to_fit"} do
            pcall(m[name], m)
          end
          for _, name in ipairs {"spawn", "contains_key", "abort", "join",
            "reserve", "contains_task", "id", "is_finished"} do
            pcall(m[name], m, 1, print)
          end
          pcall(tostring, m)
          print "used"
        end})
        user.map = ebb.JoinMap.new()
      end
      collectgarbage()
      collectgarbage()
    ]])
  end)

  it("may be used by the clean-up of its tasks", function()
    assert_prints("used\n", [[
      local ebb = require "ebb"
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local _ <close> = setmetatable({}, {__close = function()
            pcall(map.len, map)
            pcall(map.contains_key, map, "key")
            pcall(map.abort_all, map)
            pcall(map.spawn, map, "other", function() end)
            pcall(tostring, map)
            pcall(map.join_next, map)
            print "used"
          end})
          ebb.sleep(1e6)
        end)
      end
      ebb.yield_now()
      collectgarbage()
      collectgarbage()
      ebb.yield_now()
      ebb.yield_now()
    ]])
  end)

  it("may be waited in by the clean-up of its tasks", function()
    assert_prints("used\n", [[
      local ebb = require "ebb"
      ebb.time.pause()
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local _ <close> = setmetatable({}, {__close = function()
            pcall(map.join_next, map)
            print "used"
          end})
          ebb.sleep(1e6)
        end)
        ebb.yield_now()
        map:abort("key")
      end
      ebb.yield_now()
      collectgarbage()
      collectgarbage()
      ebb.sleep(1)
    ]])
  end)

  it("may be finalized by hand", function()
    assert_prints("used\n", [[
      local ebb = require "ebb"
      ebb.time.pause()
      local map = ebb.JoinMap.new()
      map:spawn(1, function() ebb.sleep(1) end)
      ebb.spawn(function() pcall(map.join_next, map) end)
      ebb.yield_now()
      local gc = debug.getmetatable(map).__gc
      gc(map)
      pcall(map.len, map)
      ebb.sleep(3)
      print "used"
    ]])
  end)
end)
