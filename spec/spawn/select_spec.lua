-- ebb.select: who wins, what becomes of the others, and what an abort does.

local ebb = require "ebb"
local time = ebb.time

local common = require "common"
local closer, collect, error_of, forever, unfinished =
  common.closer, common.collect, common.error_of, common.forever,
  common.unfinished

local settle = ebb.yield_now

-- A branch that notes in `log` how far it comes.
local function noted(log, name, seconds)
  return function()
    local _ <close> = closer(function() log[#log + 1] = name .. " closed" end)
    ebb.sleep(seconds)
    log[#log + 1] = name .. " ran on"
    return name
  end
end

describe("select", function()
  before_each(function() time.pause() end)
  after_each(function() time.resume() end)

  describe("gives", function()
    it("the key and the results of the branch that is first", function()
      local got = table.pack(ebb.select {
        late = function() ebb.sleep(2) return "late" end,
        early = function() ebb.sleep(1) return "early", nil, 3, nil end,
      })
      assert.same({n = 6, "early", true, "early", nil, 3, nil}, got)
    end)

    it("no values where the branch has none", function()
      assert.same({n = 2, 1, true}, table.pack(ebb.select {function() end}))
    end)

    it("the raised value where the branch panics", function()
      local key, ok, err = ebb.select {
        bad = function() error("boom", 0) end, forever}
      assert.equal("bad", key)
      assert.is_false(ok)
      assert.equal("boom", err)
    end)

    it("a JoinError where the branch is aborted", function()
      local key, ok, err = ebb.select {
        bad = function()
          local task = ebb.spawn(forever)
          task:abort "why"
          task:await()
        end, forever}
      assert.same({"bad", false}, {key, ok})
      assert.equal("why", err:reason())
    end)

    it("the very key, whatever it is", function()
      for _, key in ipairs {1, 1.5, "text", true, {}, print, io.stdout} do
        assert.equal(key, (ebb.select {[key] = settle}))
      end
      assert.is_false((ebb.select {[false] = settle}))
    end)

    it("more values than a C function has room for", function()
      local got = table.pack(ebb.select {
        function() return table.unpack({}, 1, 500) end})
      assert.equal(502, got.n)
    end)

    it("the winner among a thousand branches", function()
      local branches = {}
      for i = 1, 1000 do
        branches[i] = function() ebb.sleep(1000 - i) return i * 2 end
      end
      assert.same({1000, true, 2000}, {ebb.select(branches)})
    end)
  end)

  describe("takes as a branch", function()
    it("a callable value", function()
      local callable = setmetatable({}, {__call = function() return 7 end})
      assert.same({"k", true, 7}, {ebb.select {k = callable}})
    end)

    it("a coroutine", function()
      local co = coroutine.create(function() return 7 end)
      assert.same({"k", true, 7}, {ebb.select {k = co}})
    end)
  end)

  describe("names the argument when", function()
    for name, value in pairs {
      ["it is missing"] = {nil, "table expected"},
      ["it is no table"] = {print, "table expected"},
      ["there are no branches"] = {{}, "no branches"},
      ["a branch is no function"] = {{print, x = 1},
        "branch 'x' is a number, not a function"},
    } do
      it(name, function()
        local err = error_of(ebb.select, value[1])
        assert.matches("bad argument #1 to '[%w.]*select'", err)
        assert.is_truthy(err:find(value[2], 1, true), err)
      end)
    end

    it("a coroutine is not suspended, and aborts the rest", function()
      local ran = false
      local dead = coroutine.wrap(function() return coroutine.running() end)()
      assert.matches("not suspended", error_of(ebb.select,
        {dead, function() ran = true end}))
      settle()
      assert.is_false(ran)
      assert.equal(0, unfinished())
    end)
  end)

  describe("starts the branches", function()
    it("in random order: each of those that are ready may win", function()
      local wins = {0, 0, 0}
      local function nothing() end
      for _ = 1, 300 do
        local key = ebb.select {nothing, nothing, nothing}
        wins[key] = wins[key] + 1
      end
      for key = 1, 3 do assert.is_true(wins[key] > 30, wins[key]) end
    end)

    it("one after the other, and none behind the winner", function()
      local started = 0
      local function count() started = started + 1 end
      ebb.select {count, count, count, count}
      assert.equal(1, started)
    end)

    it("as tasks of their own", function()
      local id, ids = nil, {}
      ebb.spawn(function()
        id = ebb.id()
        ebb.select {function() ids[1] = ebb.id() settle() settle() end,
          function() ids[2] = ebb.id() settle() settle() end}
      end):await()
      assert.is_truthy(ids[1] and ids[2])
      assert.is_true(ids[1] ~= ids[2] and ids[1] ~= id and ids[2] ~= id)
    end)
  end)

  describe("aborts the others", function()
    it("at their waits, and runs their clean-ups first", function()
      local log = {}
      assert.equal("a", (ebb.select {a = noted(log, "a", 1),
        b = noted(log, "b", 2)}))
      assert.same({"a ran on", "a closed", "b closed"}, log)
      ebb.sleep(10)
      assert.equal(3, #log)
    end)

    -- Both sleep until the same moment, so both are ready when one runs.
    it("before they run again, though they are ready", function()
      local ran = 0
      local function branch() ebb.sleep(1) ran = ran + 1 end
      ebb.select {branch, branch, branch}
      settle()
      assert.equal(1, ran)
    end)

    it("and waits for a clean-up that waits", function()
      local closed
      local start = time.now()
      local key = ebb.select {
        a = function() ebb.sleep(1) end,
        b = function()
          local _ <close> = closer(function() ebb.sleep(5) closed = true end)
          forever()
        end,
      }
      assert.equal("a", key)
      assert.is_true(closed)
      assert.near(6, time.now() - start, 1e-6)
    end)

    it("and runs their clean-ups before any other task runs", function()
      local turns, log = 0, {}
      local busy <close> = ebb.spawn(function()
        while true do settle() turns = turns + 1 end
      end)
      local function branch()
        local _ <close> = closer(function() log[#log + 1] = turns end)
        time.timeout(100, function()
          local _ <close> = closer(function() log[#log + 1] = turns end)
          forever()
        end)
      end
      ebb.select {function()
        for _ = 1, 5 do settle() end
        log[#log + 1] = turns
      end, branch, branch}
      log[#log + 1] = turns
      assert.equal(6, #log)
      for i = 2, 6 do assert.equal(log[1], log[i]) end
    end)

    it("when one panics, too", function()
      local log = {}
      local function panics() ebb.sleep(1) error "x" end
      ebb.select {panics, noted(log, "b", 2)}
      assert.same({"b closed"}, log)
    end)

    it("and reports an error in a clean-up, once", function()
      local reported = {}
      local before = ebb.set_unhandled(function(err)
        reported[#reported + 1] = err:into_panic()
      end)
      ebb.select {function() ebb.sleep(1) end, function()
        local _ <close> = closer(function() error("in __close", 0) end)
        forever()
      end}
      ebb.set_unhandled(before)
      assert.same({"in __close"}, reported)
    end)

    it("and leaves no task behind", function()
      ebb.select {function() ebb.sleep(1) end, forever, forever}
      assert.equal(0, unfinished())
    end)
  end)

  describe("works", function()
    it("inside a select", function()
      local key, ok, inner, inner_ok, value = ebb.select {
        outer = function()
          return ebb.select {inner = function() ebb.sleep(1) return 5 end,
            forever}
        end,
        late = function() ebb.sleep(2) end,
      }
      assert.same({"outer", true, "inner", true, 5},
        {key, ok, inner, inner_ok, value})
    end)

    it("in a generator, a comparator and a clean-up", function()
      local function select_it()
        return (ebb.select {x = function() ebb.sleep(1) end, forever})
      end
      assert.equal("x", coroutine.wrap(select_it)())
      local got
      table.sort({1, 2}, function() got = got or select_it() end)
      assert.equal("x", got)
      do local _ <close> = closer(function() got = select_it() .. "!" end) end
      assert.equal("x!", got)
    end)

    it("in the clean-up of a task that is aborted", function()
      local got
      local task = ebb.spawn(function()
        local _ <close> = closer(function()
          got = ebb.select {x = function() ebb.sleep(1) end, forever}
        end)
        forever()
      end)
      settle()
      task:abort()
      task:join()
      assert.equal("x", got)
    end)

    it("in a clean-up whose task's map is collected meanwhile", function()
      local got
      local map = ebb.JoinMap.new()
      map:spawn("key", function()
        local _ <close> = closer(function()
          got = ebb.select {x = function() ebb.sleep(1) end, forever}
        end)
        forever()
      end)
      settle()
      map:abort("key")
      settle()
      map = nil
      collect()
      ebb.sleep(2)
      assert.equal("x", got)
    end)

    it("while the branches table is changed", function()
      local branches = {a = function() ebb.sleep(1) return "a" end}
      ebb.spawn(function() branches.a, branches.b = nil, 1 end)
      assert.same({"a", true, "a"}, {ebb.select(branches)})
    end)

    it("while the collector runs all the time", function()
      for _ = 1, 20 do
        local key, ok, value = ebb.select {
          [{}] = function()
            collectgarbage()
            ebb.sleep(1)
            collectgarbage()
            return {}
          end,
          forever,
        }
        assert.is_table(key)
        assert.is_true(ok)
        assert.is_table(value)
      end
    end)
  end)

  it("is a deadlock when no branch can ever finish", function()
    local closed
    local err = error_of(ebb.select, {function()
      local _ <close> = closer(function() closed = true end)
      ebb.sleep(math.huge)
    end})
    assert.matches("^deadlock: ", err)
    assert.matches("the main chunk waits for select", err, 1, true)
    assert.is_true(closed)
    assert.equal(0, unfinished())
  end)

  describe("in a task that is aborted", function()
    it("before its first turn runs no branch", function()
      local ran = false
      local task = ebb.spawn(ebb.select, {function() ran = true end})
      task:abort()
      assert.is_true(select(2, task:join()):is_cancelled())
      assert.is_false(ran)
    end)

    it("before the branches' first turn runs none of them", function()
      local ran, task = false, nil
      task = ebb.spawn(function()
        ebb.spawn(function() task:abort() end)
        ebb.select {function() ran = true end}
      end)
      assert.is_true(select(2, task:join()):is_cancelled())
      assert.is_false(ran)
    end)

    it("runs the clean-ups of the branches, then its own", function()
      local log = {}
      local task = ebb.spawn(function()
        local _ <close> = closer(function() log[#log + 1] = "task closed" end)
        ebb.select {function()
          local _ <close> = closer(function()
            ebb.sleep(1)
            log[#log + 1] = "branch closed"
          end)
          forever()
        end}
        log[#log + 1] = "ran on"
      end)
      settle() settle()
      task:abort("enough")
      local ok, err = task:join()
      assert.is_false(ok)
      assert.equal("enough", err:reason())
      assert.same({"branch closed", "task closed"}, log)
      assert.equal(0, unfinished())
    end)

    -- The winner's values are the caller's already; the abort waits for its
    -- next wait.
    it("while the others clean up keeps what was won", function()
      local got
      local task = ebb.spawn(function()
        got = table.pack(ebb.select {
          won = function() ebb.sleep(1) return "message" end,
          slow = function()
            local _ <close> = closer(function() ebb.sleep(5) end)
            forever()
          end,
        })
        ebb.sleep(1)
        got = "ran on"
      end)
      ebb.sleep(3)
      task:abort()
      local ok, err = task:join()
      assert.is_true(not ok and err:is_cancelled())
      assert.same({n = 3, "won", true, "message"}, got)
    end)

    it("inside a generator or a comparator closes the branches", function()
      for _, inside in ipairs {
        function(f) return coroutine.wrap(f)() end,
        function(f) table.sort({1, 2}, f) end,
      } do
        local log = {}
        local task = ebb.spawn(function()
          inside(function() ebb.select {noted(log, "a", 10), forever} end)
        end)
        ebb.sleep(1)
        task:abort()
        task:join()
        assert.same({"a closed"}, log)
      end
    end)
  end)

  -- Nobody comes between the end of the winner and the caller's next line.
  it("hands the winner's values over before any other task runs", function()
    local got, task
    task = ebb.spawn(function()
      got = select(3, ebb.select {function() ebb.sleep(1) return "value" end})
      got = got .. " seen"
    end)
    settle() settle() -- the branch sleeps
    local aborter = ebb.spawn(function()
      ebb.sleep(1)
      task:abort()
    end)
    task:join()
    aborter:join()
    assert.equal("value seen", got)
  end)

  it("cannot be made to wait inside a finalizer", function()
    local ok, err
    setmetatable({}, {__gc = function()
      ok, err = pcall(ebb.select, {forever})
    end})
    collect()
    assert.is_false(ok)
    assert.matches("cannot wait inside a finalizer", err, 1, true)
    settle()
    assert.equal(0, unfinished())
  end)
end)
