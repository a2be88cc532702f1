-- #threads
-- The Lua that blocking work has: its tasks, its clock, its modules.

local ebb = require "ebb"
local common = require "common"
local pool = require "pool"
local run = require "run"

local error_of = common.error_of

local THREADS, read, write = pool.THREADS, pool.read, pool.write

describe("inside of blocking work", function()
  it("the id is that of the job", function()
    local job = ebb.spawn_blocking(function()
      local inside = require "ebb"
      return inside.id(), inside.try_id(), coroutine.wrap(inside.id)()
    end)
    local id = job:id()
    assert.same({true, id, id, id}, {job:join()})
  end)

  it("the id is that of the job after a wait, and in a __close", function()
    local job = ebb.spawn_blocking(function()
      local inside = require "ebb"
      inside.yield_now()
      local ids = {inside.id()}
      do
        local _ <close> = setmetatable({}, {__close = function()
          ids[2] = inside.id()
        end})
      end
      return ids
    end)
    assert.same({job:id(), job:id()}, job:await())
  end)

  it("the id of a task differs from that of the job"
     .. " (task_id_block_in_place_block_on_spawn)", function()
    ebb.spawn(function()
      local parent = ebb.id()
      local job, inner = ebb.block_in_place(function()
        local inside = require "ebb"
        return inside.id(), inside.spawn(inside.id):await()
      end)
      assert.is_not.equal(job, inner)
      assert.is_not.equal(parent, inner)
      assert.equal(parent, ebb.id())
    end):await()
  end)

  it("waits work", function()
    assert.same({"slept", "joined", "key"}, {ebb.block_in_place(function()
      local inside = require "ebb"
      inside.sleep(0.0001)
      local map = inside.JoinMap.new()
      map:spawn("key", function()
        inside.yield_now()
        return "joined"
      end)
      local key, _, value = map:join_next()
      return "slept", value, key
    end)})
  end)

  it("the tasks that are left at its end are aborted", function()
    local path <const> = os.tmpname()
    local out = ebb.block_in_place(function(p, w)
      local inside = require "ebb"
      inside.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          inside.yield_now()
          w(p, "closed")
        end})
        inside.sleep(1e6)
        w(p, "must not go on")
      end)
      inside.yield_now()
      return "end"
    end, path, write)
    assert.equal("end", out)
    assert.equal("closed", read(path))
    os.remove(path)
  end)

  it("the tasks that are left are aborted after an error, too", function()
    local path <const> = os.tmpname()
    assert.equal("boom", error_of(ebb.block_in_place, function(p, w)
      local inside = require "ebb"
      inside.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          w(p, "closed")
        end})
        inside.sleep(1e6)
      end)
      inside.yield_now()
      error("boom", 0)
    end, path, write))
    assert.equal("closed", read(path))
    os.remove(path)
  end)

  it("nothing is left of a job in the next one on its thread", function()
    for _ = 1, 3 * THREADS do
      ebb.spawn_blocking(function()
        local inside = require "ebb"
        for _, info in ipairs(inside.tasks()) do
          assert(info.id == inside.id() or info.state == "finished",
                 "a task of another job")
        end
        assert(pcall(inside.time.pause), "time is paused")
        assert(not pcall(inside.spawn_local, print), "a LocalSet is current")
        assert(inside.set_unhandled(function() end) == nil, "unhandled is set")
        local guard = inside.LocalSet.new():enter()
        map = inside.JoinMap.new() -- luacheck: ignore
        map:spawn("key", inside.sleep, 1e6) -- luacheck: ignore
        inside.yield_now()
        return tostring(guard)
      end):await()
    end
  end)

  it("a deadlock is an error", function()
    local _, err = ebb.spawn_blocking(function()
      local inside = require "ebb"
      inside.spawn(inside.sleep, math.huge):join()
    end):join()
    assert.matches("deadlock: ", tostring(err:into_panic()))
  end)

  it("the current Handle is that of the runtime it is done for", function()
    assert.is_true(ebb.Handle.current() == ebb.block_in_place(function()
      return require "ebb".Handle.current()
    end))
  end)

  it("select and timeouts work", function()
    local key, ok, value, none, why = ebb.block_in_place(function()
      local inside = require "ebb"
      inside.time.pause()
      local winner, fine, text = inside.select {
        slow = function() inside.sleep(2) return "slow" end,
        fast = function() inside.sleep(1) return "fast" end,
      }
      return winner, fine, text, inside.time.timeout(1, inside.sleep, 2)
    end)
    assert.same({"fast", true, "fast", nil, "elapsed"},
                {key, ok, value, none, why})
  end)

  it("a paused clock is the job's own", function()
    local before = ebb.time.now()
    ebb.block_in_place(function()
      local inside = require "ebb"
      inside.time.pause()
      inside.sleep(1e6)
    end)
    assert.is_true(ebb.time.now() - before < 1e5)
  end)

  it("require finds modules by the same paths", function()
    local path, cpath = package.path, package.cpath
    package.path = path .. ";./first/?.lua"
    assert.same({package.path, cpath}, {ebb.block_in_place(function()
      return package.path, package.cpath
    end)})
    package.path = path
    package.cpath = cpath .. ";./second/?.so"
    assert.same({path, package.cpath}, {ebb.block_in_place(function()
      return package.path, package.cpath
    end)})
    package.cpath = cpath
    assert.is_true(ebb.block_in_place(function()
      return type(require "common".forever) == "function"
    end))
  end)

  it("a module is loaded once for a thread's state", function()
    assert.is_true(ebb.block_in_place(function()
      return rawequal(require "ebb", require "ebb")
    end))
  end)

  it("blocking work may be spawned", function()
    assert.equal(6, ebb.block_in_place(function()
      local inside = require "ebb"
      local set = inside.JoinSet.new()
      for i = 1, 3 do set:spawn_blocking(function() return i end) end
      local sum = 0
      for _, n in set.join_next, set do sum = sum + n end
      return sum
    end))
  end)

  it("the names of builders and the maps work", function()
    assert.equal("inner", ebb.block_in_place(function()
      local inside = require "ebb"
      local task = inside.Builder.new():name("inner"):spawn(inside.yield_now)
      for _, info in ipairs(inside.tasks()) do
        if info.id == task:id() then return info.name end
      end
    end))
  end)

  it("the panics of its tasks are reported to stderr", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      ebb.block_in_place(function()
        local ebb = require "ebb"
        ebb.spawn(error, "boom inside")
        ebb.yield_now()
        collectgarbage()
        collectgarbage()
      end)
    ]]
    assert.equal(1, select(2, err:gsub("boom inside", "")))
  end)

  it("print writes to the same stdout", function()
    local code, out = run [[
      local ebb = require "ebb"
      ebb.block_in_place(function() print "from a thread" end)
    ]]
    assert.same({0, "from a thread\n"}, {code, out})
  end)

  it("coroutines, pcall and generators work as ever", function()
    assert.same({false, 6}, {ebb.block_in_place(function()
      local sum = 0
      for n in coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(i) end
      end) do sum = sum + n end
      return pcall(error) and true, sum
    end)})
  end)

  it("coroutine.yield at its own level is yield_now", function()
    assert.equal(0, ebb.block_in_place(function()
      return select("#", coroutine.yield(1, 2))
    end))
  end)
end)
