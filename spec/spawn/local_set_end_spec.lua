-- LocalSets that are closed, collected, or left at the end of a program.

local ebb = require "ebb"
local common = require "common"
local local_sets = require "local_sets"
local run = require "run"
local LocalSet = ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded

local drive = local_sets.drive

local set

before_each(function()
  ebb.time.pause()
  set = LocalSet.new()
end)

after_each(function()
  set:close()
  settle()
  ebb.time.resume()
end)

describe("a set that is closed", function()
  it("aborts its tasks, whose clean-up runs as of ordinary tasks", function()
    local log = {}
    local task = set:spawn_local(function()
      local _ <close> = closer(function()
        ebb.sleep(3)
        log[1] = "closed"
      end)
      forever()
    end)
    drive(set)
    set:close()
    assert.is_false(task:is_finished())
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.same({"closed"}, log)
  end)

  it("does not wait", function()
    local log = {}
    set:spawn_local(guarded, log, 1)
    drive(set)
    set:close()
    assert.same({}, log)
    settle()
    assert.same({"closed"}, log)
  end)

  it("never runs tasks that had not started", function()
    local ran = false
    local task = set:spawn_local(function() ran = true end)
    set:close()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(ran)
  end)

  it("keeps the results of tasks that have ended", function()
    local task = set:spawn_local(function() return 7 end)
    set:await()
    set:close()
    assert.same({true, 7}, {task:join()})
  end)

  it("may be closed again", function()
    set:close()
    set:close()
  end)

  it("takes nothing any more", function()
    set:close()
    for _, method in ipairs {"spawn_local", "run_until", "block_on", "await",
                             "enter"} do
      assert.matches("closed", error_of(set[method], set, nothing))
    end
  end)

  it("is so at the end of its scope", function()
    local log = {}
    do
      local scoped <close> = LocalSet.new()
      for i = 1, 3 do scoped:spawn_local(guarded, log, i) end
      drive(scoped)
    end
    settle()
    assert.same({"closed", "closed", "closed"}, log)
  end)

  it("ends an await of another task", function()
    local task = set:spawn_local(forever)
    local waiter = ebb.spawn(set.await, set)
    settle()
    set:close()
    assert.same({true}, {waiter:join()})
    assert.is_false((task:join()))
  end)

  it("may be closed by a task of its own", function()
    local log = {}
    local task = set:spawn_local(function()
      local _ <close> = closer(function() log[#log + 1] = "closed" end)
      set:close()
      log[#log + 1] = "after"
      forever()
    end)
    drive(set)
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.same({"after", "closed"}, log)
  end)

  it("may be closed inside its run_until", function()
    local log = {}
    set:spawn_local(guarded, log, 1)
    local got = set:run_until(function()
      settle()
      set:close()
      settle()
      return "end"
    end)
    assert.equal("end", got)
    assert.same({"closed"}, log)
  end)
end)

describe("a set that is collected", function()
  it("is not while its own tasks refer to it", function()
    local log = {}
    local function make()
      local own = LocalSet.new()
      return own:spawn_local(function()
        guarded(log, 1)
        own:await()
      end), setmetatable({own}, {__mode = "v"})
    end
    local task, weak = make()
    drive(weak[1])
    collect()
    settle()
    assert.same({}, log)
    task:abort()
    drive(weak[1])
    assert.same({"closed"}, log)
    collect()
    assert.is_nil(weak[1])
  end)

  it("is so although a handle of its task is kept", function()
    local function make()
      local own = LocalSet.new()
      local task = own:spawn_local(forever)
      drive(own)
      return task
    end
    local task = make()
    collect()
    assert.is_true(select(2, task:join()):is_cancelled())
  end)

  it("is not while a task drives it", function()
    local log = {}
    local function make()
      local own = LocalSet.new()
      own:spawn_local(guarded, log, 1)
      return ebb.spawn(function() own:run_until(forever) end)
    end
    local driver = make()
    settle()
    collect()
    settle()
    assert.same({}, log)
    driver:abort()
    driver:join()
    collect()
    settle()
    assert.same({"closed"}, log)
  end)

  it("is not while a guard of it is open", function()
    local log = {}
    local function make()
      local own = LocalSet.new()
      own:spawn_local(guarded, log, 1)
      drive(own)
      return own:enter()
    end
    local guard = make()
    collect()
    settle()
    assert.same({}, log)
    guard:close()
    guard = nil -- luacheck: ignore
    collect()
    settle()
    assert.same({"closed"}, log)
  end)

  it("frees what its tasks hold", function()
    collect()
    local before = collectgarbage "count"
    for _ = 1, 100 do
      local own = LocalSet.new()
      own:spawn_local(function(text) forever() return text end,
                      ("x"):rep(100000))
      drive(own)
      own = nil -- luacheck: ignore
      collect()
    end
    settle()
    collect() -- of about 10 MB
    assert.is_true(collectgarbage "count" - before < 3000)
  end)
end)

describe("a program with a set", function()
  it("that nobody drives is told of the deadlock", function()
    local _, out = run [[
      local ebb = require "ebb"
      local set = ebb.LocalSet.new()
      local task = set:spawn_local(print, "must not run")
      print(pcall(task.join, task))
    ]]
    assert.matches("^false\t.-deadlock: ", out)
    assert.is_nil(out:find "must not run")
  end)

  it("goes on when it is driven after the deadlock", function()
    local code, out = run [[
      local ebb = require "ebb"
      local set = ebb.LocalSet.new()
      local task = set:spawn_local(function() return "driven" end)
      assert(not pcall(task.join, task))
      print(set:run_until(task.join, task))
    ]]
    assert.equal(0, code)
    assert.equal("true\tdriven\n", out)
  end)

  it("whose tasks have not started ends without running them"
     .. " (store_local_set_in_thread_local_with_runtime)", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      set = ebb.LocalSet.new()
      set:run_until(function() ebb.spawn_local(print, "must not run") end)
    ]]
    assert.same({0, "", ""}, {code, out, err})
  end)

  it("that rests ends with the clean-up of its tasks", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      set = ebb.LocalSet.new()
      set:spawn_local(function()
        local _ <close> = setmetatable({}, {__close = function()
          ebb.yield_now()
          print "closed"
        end})
        ebb.sleep(1e6)
      end)
      set:run_until(ebb.yield_now)
      guard = set:enter()
    ]]
    assert.same({0, "closed\n", ""}, {code, out, err})
  end)
end)
