-- Work for another thread that had not been sent counted as something that
-- could still wake the state which meant to send it: while a spawn waited in
-- a map's hasher or for a place, or had failed and was garbage, a deadlock hung
-- instead of being reported.

local run = require "run"

describe("a deadlock is reported", function()
  for name, code in pairs {
    ["after blocking work that cannot be sent"] = [[
      print(pcall(ebb.spawn_blocking, function() return never end))
    ]],
    ["after an error in the hasher of a map"] = [[
      map = ebb.JoinMap.with_hasher {hash = error, equal = rawequal}
      print(pcall(map.spawn_blocking, map, 1, function() end))
    ]],
    ["while blocking work waits in the hasher of a map"] = [[
      map = ebb.JoinMap.with_hasher {
        hash = function() never:notified() end, equal = rawequal}
      ebb.spawn(map.spawn_blocking, map, 1, function() end)
    ]],
    ["while blocking work that takes a Handle along waits there"] = [[
      map = ebb.JoinMap.with_hasher {
        hash = function() never:notified() end, equal = rawequal}
      ebb.spawn(map.spawn_blocking, map, 1, function() end,
                ebb.Handle.current())
    ]],
    ["after such work has been aborted"] = [[
      map = ebb.JoinMap.with_hasher {
        hash = function() never:notified() end, equal = rawequal}
      local task = ebb.spawn(map.spawn_blocking, map, 1, function() end)
      ebb.yield_now()
      task:abort()
    ]],
    ["while blocking work waits for a place in its map"] = [[
      map = ebb.JoinMap.new {max_tasks = 1}
      map:spawn(1, never.notified, never)
      ebb.spawn(map.spawn_blocking, map, 2, function() end)
    ]],
  } do
    it(name, function()
      local exit, out, err = run([[
        local ebb = require "ebb"
        local never = ebb.sync.Notify.new()
        collectgarbage "stop"
      ]] .. code .. [[
        print(select(2, pcall(never.notified, never)):match "^%w+")
      ]])
      assert.same({0, ""}, {exit, err})
      assert.matches("deadlock\n$", out)
    end)
  end

  it("but not while work is done that has a Handle", function()
    local exit, out, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      local handle = rt:handle():spawn(function(home)
        return home:spawn(function() return "there and back" end):await()
      end, ebb.Handle.current())
      print(handle:await())
    ]]
    assert.same({0, "there and back\n", ""}, {exit, out, err})
  end)
end)

describe("a Runtime's Handle", function()
  it("can be had after its end", function()
    local ebb = require "ebb"
    local rt = ebb.Runtime.new()
    local id = rt:handle():id()
    assert.is_true(rt:shutdown())
    assert.equal(id, rt:handle():id())
  end)
end)
