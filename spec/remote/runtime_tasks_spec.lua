-- #threads
-- Tasks and blocking work that are spawned on another runtime.

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local remote = require "remote"
local Runtime, Handle = ebb.Runtime, ebb.Handle

local settle = ebb.yield_now

local nothing = common.nothing
local collect, entry, error_of = common.collect, common.entry, common.error_of
local guarded, until_started = remote.guarded, remote.until_started

local rt, there -- a runtime and its handle, new for each test

before_each(function() rt, there = remote.new_runtime() end)
after_each(function() assert.is_true(rt:shutdown()) end)

-- What f(...) gives as a task of the other runtime.
local function ask(f, ...) return there:spawn(f, ...):await() end

describe("a task on another runtime", function()
  it("gives its results, nils included", function()
    local task = there:spawn(function(...)
      return select("#", ...), ...
    end, nil, 2, nil)
    assert.equal(("JoinHandle(%d)"):format(task:id()), tostring(task))
    assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(task:join()))
    assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(task:join()))
    assert.is_true(task:is_finished())
  end)

  it("runs while this thread is busy", function()
    local path <const> = os.tmpname()
    os.remove(path)
    there:spawn(function(p) assert(io.open(p, "w")):close() end, path)
    local file
    repeat file = io.open(path) until file -- never waits
    file:close()
    os.remove(path)
  end)

  it("has globals of its own, which its runtime keeps", function()
    _G.runtime_mark = "here"
    assert.is_nil(ask(function()
      local before = runtime_mark
      runtime_mark = "there"
      return before
    end))
    assert.equal("here", _G.runtime_mark)
    assert.equal("there", ask(function()
      return runtime_mark
    end))
    _G.runtime_mark = nil
  end)

  it("takes turns with others there", function()
    local a = there:spawn(function()
      ping = true
      repeat require "ebb".yield_now() until pong
      return "a"
    end)
    local b = there:spawn(function()
      repeat require "ebb".yield_now() until ping
      pong = true
      return "b"
    end)
    assert.same({"a", "b"}, {a:await(), b:await()})
  end)

  it("starts in the order of spawning", function()
    local tasks = {}
    for i = 1, 50 do
      tasks[i] = there:spawn(function(n)
        order = order or {}
        order[#order + 1] = n
      end, i)
    end
    for i = 1, 50 do tasks[i]:await() end
    local expected = {}
    for i = 1, 50 do expected[i] = i end
    assert.same(expected, ask(function() return order end))
  end)

  it("has the same id inside and outside", function()
    local task = there:spawn(function()
      local ebb = require "ebb"
      local id = ebb.id()
      ebb.yield_now()
      return id, ebb.try_id(), coroutine.wrap(ebb.id)()
    end)
    local id = task:id()
    assert.same({true, id, id, id}, {task:join()})
  end)

  it("has an id that no task here or elsewhere has", function()
    local other <close> = Runtime.new()
    local seen = {}
    for i = 1, 30 do
      for _, task in ipairs {
        there:spawn(nothing), other:handle():spawn(nothing),
        ebb.spawn(nothing), there:spawn_blocking(nothing),
        ebb.spawn_blocking(nothing),
      } do
        assert.is_nil(seen[task:id()], i)
        seen[task:id()] = task
      end
      local inner = ask(function()
        return require "ebb".spawn(function() end):id()
      end)
      assert.is_nil(seen[inner])
      seen[inner] = true
    end
  end)

  it("may wait, and use maps, sets and pools there", function()
    assert.same({6, "slept"}, {ask(function()
      local ebb = require "ebb"
      ebb.sleep(0.0001)
      local set = ebb.JoinSet.new()
      for i = 1, 3 do set:spawn_blocking(function() return i end) end
      local sum = 0
      for _, n in set.join_next, set do sum = sum + n end
      return sum, "slept"
    end)})
  end)

  it("may wait in a comparator and a generator there", function()
    assert.equal(3, ask(function()
      local ebb = require "ebb"
      table.sort({2, 1}, function() ebb.yield_now() return false end)
      return coroutine.wrap(function() ebb.yield_now() return 3 end)()
    end))
  end)

  it("panics with the value, and the traceback of the other thread",
     function()
    local function culprit() error({code = 7}) end
    local task = there:spawn(function()
      require "ebb".yield_now()
      culprit()
    end)
    local ok, err = task:join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
    assert.same({code = 7}, err:into_panic())
    assert.equal(task:id(), err:id())
    assert.matches("runtime_tasks_spec.lua:%d+: in .-culprit", err:traceback())
  end)

  it("panics when its result cannot be sent", function()
    local _, err = there:spawn(function() return 1, print end):join()
    assert.matches("cannot send a C function (result 2)", err:into_panic(),
                   1, true)
  end)

  it("may hold what cannot be sent, as long as it does not cross",
     function()
    assert.equal("file", ask(function()
      out = io.stdout
      return io.type(out)
    end))
  end)

  it("is not spawned when its arguments cannot be sent", function()
    collect()
    local before = #ebb.tasks()
    assert.matches("cannot send a userdata (argument 1)",
                   error_of(there.spawn, there, nothing, io.stdout), 1, true)
    local file = io.stdout
    assert.matches("cannot send a userdata (upvalue 'file')",
                   error_of(there.spawn, there, function() return file end),
                   1, true)
    assert.equal(before, #ebb.tasks())
  end)

  it("names the argument when its body cannot be called", function()
    for _, name in ipairs {"spawn", "spawn_blocking"} do
      assert.matches(("bad argument #1 to '%s'"):format(name),
                     error_of(common.call, there, name, 42), 1, true)
    end
  end)

  it("is shown here with its name, and there, too", function()
    local task = ebb.Builder.new():name("far"):spawn_on(guarded, there, 1)
    assert.equal("far", entry(task:id()).name)
    local name, waiting_for = ask(function(id, until_s)
      until_s(1)
      for _, info in ipairs(require "ebb".tasks()) do
        if info.id == id then return info.name, info.waiting_for end
      end
    end, task:id(), until_started)
    assert.equal("far", name)
    assert.matches("sleep", waiting_for)
    task:abort()
    task:join()
  end)

  it("keeps the paused clock here from jumping", function()
    ebb.time.pause()
    local sleeper = ebb.spawn(ebb.sleep, 0.001)
    for _ = 1, 20 do ask(nothing) end
    assert.is_false(sleeper:is_finished())
    sleeper:join()
    ebb.time.resume()
  end)

  it("is no deadlock while it waits for good", function()
    local path <const> = os.tmpname()
    os.remove(path)
    local task = there:spawn(function(p)
      local ebb = require "ebb"
      local file
      repeat
        ebb.yield_now()
        file = io.open(p)
      until file
      file:close()
      return "seen"
    end, path)
    ebb.spawn_blocking(function(p) assert(io.open(p, "w")):close() end, path)
    assert.same({true, "seen"}, {task:join()})
    os.remove(path)
  end)

  it("may run on without its handle, until its end", function()
    local main <const> = Handle.current()
    _G.runtime_seen = nil
    there:spawn(function(back)
      back:spawn(function() runtime_seen = "reported" end)
    end, main)
    collect()
    repeat settle() until _G.runtime_seen
    assert.equal("reported", _G.runtime_seen)
    _G.runtime_seen = nil
  end)
end)

describe("spawn_blocking on another runtime", function()
  it("runs on the pool of that runtime", function()
    local limited <close> = Runtime.new {max_blocking_threads = 1}
    local handle, at = limited:handle(), gate.new()
    local _ <close> = at
    local first = handle:spawn_blocking(gate.pass, at.path, 1)
    local second = handle:spawn_blocking(gate.pass, at.path, 2)
    at:arrived(1)
    assert.equal(7, ebb.spawn_blocking(function() return 7 end):await())
    for _ = 1, 100 do settle() end
    assert.equal(1, at:count())
    at:open(2)
    assert.same({1, 2}, {first:await(), second:await()})
  end)

  it("does not hold up its tasks", function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path, "passed")
    at:arrived(1)
    assert.equal(7, ask(function() return 7 end))
    at:open()
    assert.equal("passed", job:await())
  end)

  it("has the job's id inside", function()
    local job = there:spawn_blocking(function() return require "ebb".id() end)
    assert.equal(job:id(), job:await())
  end)

  it("is cancelled by an abort before it has started", function()
    local limited <close> = Runtime.new {max_blocking_threads = 1}
    local handle, at = limited:handle(), gate.new()
    local _ <close> = at
    local first = handle:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    local second = handle:spawn_blocking(nothing)
    second:abort()
    assert.is_true(select(2, second:join()):is_cancelled())
    first:abort()
    at:open()
    assert.same({true}, {first:join()})
  end)
end)
