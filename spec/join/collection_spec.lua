-- What JoinMap and JoinSet do alike; what only one of them does is in the
-- files named after it.

local collections = require "collections"
local common = require "common"
local ebb = require "ebb"

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded
local sleeper = common.sleeper

-- A body whose clean-up takes so long, and then sets log[seconds].
local function slow_to_close(log, seconds)
  local _ <close> = closer(function()
    ebb.sleep(seconds)
    log[seconds] = "closed"
  end)
  forever()
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

for class, kind in pairs(collections) do
  local new, noun, spawn = kind.new, kind.noun, kind.spawn

  describe("spawn into a " .. class, function()
    it("passes its arguments to the body, nils included", function()
      local c = new()
      spawn(c, function(...) return select("#", ...), ... end, nil, 2, nil)
      assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(kind.next(c)))
    end)

    for name, body in pairs {
      ["a callable value"] = function(f)
        return setmetatable({}, {__call = function(_, ...) return f(...) end})
      end,
      ["a suspended coroutine"] = coroutine.create,
    } do
      it("takes " .. name .. " as the body", function()
        local c = new()
        spawn(c, body(function(n) return n end), 7)
        assert.same({true, 7}, {kind.next(c)})
      end)
    end

    it("names the argument when the body cannot be called", function()
      local c = new()
      assert.matches(("bad argument #%d to 'spawn'"):format(kind.place),
                     error_of(spawn, c, 42), 1, true)
      assert.is_true(c:is_empty())
    end)

    it("may be called by a task of the " .. noun, function()
      local c = new()
      spawn(c, function()
        spawn(c, function() return "inner" end)
        return "outer"
      end)
      assert.same({"outer", "inner"}, kind.values(c))
    end)
  end)

  describe("join_next of a " .. class, function()
    it("gives nil at once when the " .. noun .. " is empty", function()
      assert.same({n = 1}, table.pack(new():join_next()))
    end)

    it("gives all values, nils included", function()
      local c = new()
      spawn(c, function() return nil, 2, nil end)
      assert.same({n = 4, true, nil, 2, nil}, table.pack(kind.next(c)))
    end)

    it("gives false and the JoinError of a panic", function()
      local c = new()
      local id = spawn(c, error, "boom", 0)
      local ok, err = kind.next(c)
      assert.is_false(ok)
      assert.equal("boom", err:into_panic())
      assert.equal(id, err:id())
    end)

    it("gives tasks in the order in which they end", function()
      local c = new()
      for _, delay in ipairs {3, 1, 2} do spawn(c, sleeper, delay) end
      assert.same({1, 2, 3}, kind.values(c))
    end)

    it("sees a task that is spawned while it waits", function()
      local c = kind.waiting(1)
      ebb.spawn(function() spawn(c, function() return "quick" end) end)
      assert.same({true, "quick"}, {kind.next(c)})
      c:shutdown()
    end)

    it("does not end before the clean-up of an aborted task", function()
      local c, log = new(), {}
      spawn(c, slow_to_close, log, 1)
      settle()
      c:abort_all()
      settle()
      assert.is_nil(c:try_join_next())
      c:join_next()
      assert.same({"closed"}, log)
    end)

    it("gives nil to the task that is left when the " .. noun .. " is empty",
       function()
      local c = new()
      spawn(c, sleeper, 1)
      local a = ebb.spawn(kind.next, c)
      local b = ebb.spawn(c.join_next, c)
      assert.same({true, true, 1}, {a:join()})
      assert.same({n = 2, true}, table.pack(b:join()))
    end)

    it("gives nil to all that wait when the " .. noun .. " is detached",
       function()
      local c = new()
      spawn(c, ebb.sleep, 1)
      local other = ebb.spawn(c.join_next, c)
      ebb.spawn(function() c:detach_all() end)
      assert.is_nil(c:join_next())
      assert.same({n = 2, true}, table.pack(other:join()))
      ebb.sleep(2)
    end)

    it("loses nothing when it is cut off", function()
      local c = new()
      spawn(c, sleeper, 1)
      local task = ebb.spawn(c.join_next, c)
      settle()
      task:abort()
      task:join()
      assert.same({true, 1}, {kind.next(c)})
    end)

    it("may be called by a task of the same " .. noun, function()
      local c = new()
      spawn(c, function()
        spawn(c, sleeper, 1)
        local _, value = kind.next(c)
        return value + 1
      end)
      ebb.sleep(2)
      assert.same({true, 2}, {kind.next(c)})
    end)
  end)

  describe("try_join_next of a " .. class, function()
    it("gives nil and does not wait when none is ready", function()
      local c, ran = new(), false
      spawn(c, function() ran = true end)
      assert.is_nil(c:try_join_next())
      assert.is_false(ran)
      assert.equal(1, c:len())
      c:shutdown()
    end)
  end)

  describe("abort_all of a " .. class, function()
    it("cancels every task that has not finished", function()
      local c = kind.waiting(5)
      c:abort_all()
      assert.equal(5, c:len())
      assert.same({0, 5}, {kind.drain(c)})
    end)
  end)

  describe("shutdown of a " .. class, function()
    it("leaves the " .. noun .. " empty", function()
      local c = kind.waiting(5)
      c:shutdown()
      assert.equal(0, c:len())
      assert.is_nil(c:join_next())
    end)

    it("leaves a " .. noun .. " that can be used again", function()
      local c = kind.waiting(5)
      c:shutdown()
      spawn(c, function() return "again" end)
      assert.same({true, "again"}, {kind.next(c)})
    end)

    it("waits for the clean-up of the tasks", function()
      local c, log = new(), {}
      for i = 1, 3 do spawn(c, slow_to_close, log, i) end
      settle()
      c:shutdown()
      assert.same({"closed", "closed", "closed"}, log)
    end)
  end)

  describe("detach_all of a " .. class, function()
    -- Detaches five tasks, which note in `log` that they have run on.
    local function detach_five(log)
      local c = new()
      for i = 1, 5 do
        spawn(c, function()
          ebb.sleep(1)
          log[i] = "done"
        end)
      end
      c:detach_all()
      assert.equal(0, c:len())
      return c
    end

    it("empties the " .. noun .. " and lets the tasks run on", function()
      local log = {}
      local c = detach_five(log)
      ebb.sleep(2)
      assert.equal(5, #log)
      assert.is_true(c:is_empty())
    end)

    it("lets the tasks run on when the " .. noun .. " is collected", function()
      local log = {}
      detach_five(log)
      collect()
      ebb.sleep(2)
      assert.equal(5, #log)
    end)
  end)

  describe("what a " .. class .. " tells about a task", function()
    it("is true until the result has been joined", function()
      local c = new()
      local id = spawn(c, nothing)
      assert.is_true(c:contains_task(id))
      settle()
      assert.is_true(c:contains_task(id))
      c:join_next()
      assert.is_false(c:contains_task(id))
    end)

    it("does not include tasks of others", function()
      local task, other, c = ebb.spawn(nothing), new(), new()
      local id = spawn(other, nothing)
      assert.is_false(c:contains_task(task:id()))
      assert.is_false(c:contains_task(id))
      other:shutdown()
      task:join()
    end)

    it("is an argument error when a task id is no integer", function()
      assert.matches("bad argument #1 to 'contains_task'", error_of(function()
        new():contains_task({})
      end), 1, true)
    end)
  end)

  describe("a " .. class .. " that leaves scope as <close>", function()
    it("aborts all its tasks", function()
      local log = {}
      do
        local c <close> = new()
        for i = 1, 3 do spawn(c, guarded, log, i) end
        settle()
      end
      settle()
      assert.same({"closed", "closed", "closed"}, log)
    end)

    it("aborts all its tasks when its own task is aborted", function()
      local log = {}
      local task = ebb.spawn(function()
        local c <close> = new()
        spawn(c, guarded, log, 1)
        forever()
      end)
      settle()
      settle()
      task:abort()
      task:join()
      settle()
      assert.same({"closed"}, log)
    end)
  end)

  describe("a " .. class .. " that is collected", function()
    it("is not so while another task waits for it", function()
      local function join_in_task()
        local c = new()
        spawn(c, sleeper, 1)
        return ebb.spawn(kind.next, c)
      end
      local task = join_in_task()
      settle()
      collect()
      assert.same({true, true, 1}, {task:join()})
    end)

    it("frees the results that nobody joined", function()
      local weak = setmetatable({}, {__mode = "v"})
      local function fill()
        local c = new()
        spawn(c, function()
          local value = {}
          weak[1] = value
          return value
        end)
        settle()
      end
      fill()
      collect()
      settle()
      collect()
      assert.is_nil(weak[1])
    end)
  end)
end
