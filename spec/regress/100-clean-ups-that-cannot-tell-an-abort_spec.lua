-- A clean-up gets no error on abort, as on success, so `err and rollback() or
-- commit()` committed what an abort had left half done. ebb.cancelled tells.

local ebb = require "ebb"
local run = require "run"

local function closer(f) return setmetatable({}, {__close = f}) end
local function directly(f) f() end
local function forever() ebb.sleep(math.huge) end

-- Where the task waits when it is aborted.
local PLACES <const> = {
  ["the body"] = directly,
  ["a sort comparator"] = function(f) table.sort({2, 1}, f) end,
  ["a generator"] = function(f) coroutine.wrap(f)() end,
  ["a metamethod"] = function(f)
    return setmetatable({}, {__index = f}).key
  end,
}

-- Spawns a task that notes in `seen` what its clean-up is told.
local function guarded(seen, place, spawn)
  return (spawn or ebb.spawn)(function()
    (place or directly)(function()
      local _ <close> = closer(function(_, err)
        seen.err, seen.told = err, ebb.cancelled()
        ebb.yield_now()
        seen.again = ebb.cancelled()
      end)
      seen.began = true
      forever()
    end)
  end)
end

local function wait_for(seen) repeat ebb.yield_now() until seen.began end

describe("ebb.cancelled in a clean-up", function()
  for name, place in pairs(PLACES) do
    it("gives the JoinError of a task aborted in " .. name, function()
      local seen = {}
      local handle = guarded(seen, place)
      wait_for(seen)
      handle:abort "why"
      local ok, err = handle:join()
      assert.same({false, err, err}, {ok, seen.told, seen.again})
      assert.is_nil(seen.err)
      assert.is_true(rawequal(err, seen.told) and err:is_cancelled())
      assert.equal("why", err:reason())
    end)
  end

  it("gives the one that the map's join_next gives", function()
    local seen, map <close> = {}, ebb.JoinMap.new()
    guarded(seen, nil, function(f) map:spawn("key", f) end)
    wait_for(seen)
    map:abort("key", "why")
    local key, ok, err = map:join_next()
    assert.same({"key", false}, {key, ok})
    assert.is_true(rawequal(err, seen.told))
    assert.equal("why", seen.told:reason())
  end)

  it("gives one without a reason when the task is replaced", function()
    local seen, map <close> = {}, ebb.JoinMap.new()
    guarded(seen, nil, function(f) map:spawn("key", f) end)
    wait_for(seen)
    map:spawn("key", function() end)
    map:join "key"
    repeat ebb.yield_now() until seen.told
    assert.is_true(seen.told:is_cancelled())
    assert.is_nil(seen.told:reason())
  end)

  it("gives one when a timeout has elapsed", function()
    local seen = {}
    assert.is_nil(ebb.time.timeout(0, guarded, seen, nil, directly))
    assert.is_true(seen.told:is_cancelled())
  end)

  it("gives one in the loser of a select", function()
    local seen = {}
    ebb.select {
      function() guarded(seen, nil, directly) end,
      function() wait_for(seen) end,
    }
    assert.is_true(seen.told:is_cancelled())
  end)

  it("gives one to each generator that is on the way out", function()
    local told = {}
    local function note() told[#told + 1] = ebb.cancelled() end
    local handle = ebb.spawn(function()
      local _ <close> = closer(note)
      for _ in coroutine.wrap(function()
        local _ <close> = closer(note)
        coroutine.wrap(function()
          local _ <close> = closer(note)
          forever()
        end)()
      end) do end
    end)
    ebb.yield_now()
    handle:abort()
    local _, err = handle:join()
    assert.equal(3, #told)
    for i = 1, 3 do assert.is_true(rawequal(err, told[i])) end
  end)

  it("gives one although the clean-up then raises an error", function()
    local seen = {}
    local handle = ebb.spawn(function()
      local _ <close> = closer(function() seen.outer = ebb.cancelled() end)
      coroutine.wrap(function()
        local _ <close> = closer(function()
          seen.inner = ebb.cancelled()
          error "in a clean-up"
        end)
        forever()
      end)()
    end)
    ebb.yield_now()
    handle:abort "why"
    local _, err = handle:join()
    assert.is_true(err:is_panic())
    assert.matches("in a clean%-up", err:into_panic())
    assert.equal("why", seen.inner:reason())
    assert.equal("why", seen.outer:reason())
  end)

  it("gives one in the task of another runtime", function()
    local runtime <close> = ebb.Runtime.new()
    local tried = ebb.spawn_on(function()
      local ebb = require "ebb"
      local told
      local handle = ebb.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          told = ebb.cancelled():reason()
        end})
        ebb.sleep(math.huge)
      end)
      ebb.yield_now()
      handle:abort "why"
      handle:join()
      return told
    end, runtime:handle())
    assert.equal("why", tried:await())
  end)

  for name, finish in pairs {
    ["the main chunk"] = "",
    ["the program, by os.exit"] = "os.exit(0, true)",
    ["the program, by os.exit in the task"] = "leave = true ebb.sleep(1)",
  } do
    it("gives one at the end of " .. name, function()
      local code, out, err = run([[
        local ebb = require "ebb"
        ebb.spawn(function()
          local _ <close> = setmetatable({}, {__close = function()
            print(ebb.cancelled():is_cancelled(), ebb.cancelled():reason())
          end})
          while not leave do ebb.yield_now() end
          os.exit(0, true)
        end)
        ebb.yield_now()
      ]] .. finish)
      assert.same({0, "true\tnil\n", ""}, {code, out, err})
    end)
  end
end)

describe("ebb.cancelled is nil", function()
  it("outside of clean-ups, in main and in tasks", function()
    assert.is_nil(ebb.cancelled())
    assert.is_nil(ebb.spawn(ebb.cancelled):await())
  end)

  it("in the clean-up of a task that has completed", function()
    local told = "nothing"
    ebb.spawn(function()
      local _ <close> = closer(function() told = ebb.cancelled() end)
    end):await()
    assert.is_nil(told)
  end)

  it("in the clean-up of a panic, also when an abort comes then", function()
    local told, handle = {}, nil
    handle = ebb.spawn(function()
      local _ <close> = closer(function()
        told[1] = ebb.cancelled() or "none"
        ebb.yield_now()
        told[2] = ebb.cancelled() or "none"
      end)
      error "a panic"
    end)
    ebb.yield_now()
    handle:abort()
    assert.is_true(select(2, handle:join()):is_panic())
    assert.same({"none", "none"}, told)
  end)

  it("in a task that the clean-up spawns, or runs to its end", function()
    local seen = {}
    local handle = ebb.spawn(function()
      local _ <close> = closer(function()
        seen.spawned = ebb.spawn(ebb.cancelled):await() or "none"
        seen.block_on = ebb.block_on(ebb.cancelled) or "none"
        seen.told = ebb.cancelled()
      end)
      forever()
    end)
    ebb.yield_now()
    handle:abort()
    local _, err = handle:join()
    assert.same({"none", "none"}, {seen.spawned, seen.block_on})
    assert.is_true(rawequal(err, seen.told))
  end)

  it("in the function of set_unhandled", function()
    local told = "nothing"
    local before = ebb.set_unhandled(function() told = ebb.cancelled() end)
    local handle = ebb.spawn(function()
      local _ <close> = closer(function() error "in a clean-up" end)
      forever()
    end)
    ebb.yield_now()
    handle:abort()
    handle = nil
    collectgarbage()
    repeat ebb.yield_now() until told ~= "nothing"
    ebb.set_unhandled(before)
    assert.is_nil(told)
  end)
end)
