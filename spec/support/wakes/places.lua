-- Places to wait in, as functions that call theirs; see stress/wakes_spec.

local common = require "common"
local ebb = require "ebb"
local state = require "wakes.state"

local time = ebb.time
local closer, random = common.closer, math.random
local check, keep, nap = state.check, state.keep, state.nap

local function with_metamethod(event, f)
  return setmetatable({}, {[event] = function() f() return 1 end})
end

local modules = 0

local places = {
  function(f) f() end, function(f) f() end, function(f) f() end,
  function(f) coroutine.wrap(f)() end,
  function(f)
    for _ in coroutine.wrap(function() coroutine.yield(1) f() end) do end
  end,
  function(f) table.sort({1, 2}, function() if f then f() f = nil end end) end,
  function(f) string.gsub("x", "x", function() f() end) end,
  function(f)
    load(function() if f then f() f = nil return "return 1" end end)
  end,
  function(f)
    modules = modules + 1
    local name = "module" .. modules
    package.preload[name] = f
    require(name)
    package.preload[name], package.loaded[name] = nil, nil
  end,
  function(f) return with_metamethod("__index", f).x end,
  function(f) return with_metamethod("__add", f) + 1 end,
  function(f) return with_metamethod("__lt", f) < 1 end,
  function(f) return tostring(setmetatable({}, {
    __tostring = function() f() return "" end})) end,
  function(f) local _ <close> = closer(f) end,
  function(f) xpcall(error, function() f() end) end,
  function(f) for _ in function() if f then f() f = nil end end do end end,
  function(f) ebb.unconstrained(f) end,
  function(f) ebb.block_on(f) end,
  function(f) time.timeout(random(0, 30), f) end,
  function(f) ebb.select {f, nap} end,
  function(f) ebb.select {f, function() ebb.consume_budget() end, nap} end,
  function(f) keep(ebb.spawn(f)):await() end,
  function(f) ebb.LocalSet.new():run_until(f) end,
  function(f)
    local set <close> = ebb.LocalSet.new()
    local handle = set:spawn_local(f)
    local _ <close> = set:enter()
    ebb.spawn_local(nap)
    set:await()
    handle:join()
  end,
  function(f)
    local value = state.world.key:try_get()
    state.world.key:scope(value or 1, function()
      f()
      check(state.world.key:get() == (value or 1), "another task's local")
    end)
    check(state.world.key:try_get() == value, "the scope has not ended")
  end
}

-- In the main chunk only those that wait no further once they are told of a
-- deadlock.
places.IN_MAIN = 16

return places
