-- #threads
-- Runtime and Handle: schedulers on threads of their own, with Lua states of
-- their own, and tasks that are spawned on them from here.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local remote = require "remote"
local run = require "run"
local Runtime, Handle = ebb.Runtime, ebb.Handle

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local settle = ebb.yield_now

local nothing = common.nothing
local collect, entry, error_of =
  common.collect, common.entry, common.error_of
local forever, guarded, is_closed, until_started =
  remote.forever, remote.guarded, remote.is_closed, remote.until_started

local rt, there -- a runtime and its handle, new for each test

before_each(function()
  rt = Runtime.new()
  there = rt:handle()
end)

after_each(function()
  assert.is_true(rt:shutdown())
end)

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
    assert.matches("runtime_spec.lua:%d+: in .-culprit", err:traceback())
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

describe("aborting a task on another runtime", function()
  it("closes its variables there, before it counts as finished", function()
    local task = there:spawn(guarded, "key")
    ask(until_started, 1)
    task:abort "reason"
    local ok, err = task:join()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
    assert.equal("reason", err:reason())
    assert.equal(task:id(), err:id())
    assert.is_true(ask(is_closed, "key"))
  end)

  it("does not wait", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    local task = there:spawn(forever)
    task:abort()
    assert.is_false(ran)
    task:join()
  end)

  it("keeps one that has not started from ever running", function()
    -- The other thread is held up, so that nothing can start there.
    local at <close> = gate.new()
    local holder = there:spawn(gate.pass, at.path)
    at:arrived(1)
    local task = there:spawn(function() has_run = true end)
    task:abort()
    at:open()
    assert.is_true(select(2, task:join()):is_cancelled())
    holder:await()
    assert.is_nil(ask(function() return has_run end))
  end)

  it("changes nothing when it has ended", function()
    local task = there:spawn(function() return 7 end)
    task:join()
    task:abort()
    assert.same({true, 7}, {task:join()})
  end)

  it("works by its AbortHandle, and by a <close>", function()
    local task = there:spawn(forever)
    local handle = task:abort_handle()
    assert.equal(task:id(), handle:id())
    handle:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    local kept
    do
      local scoped <close> = there:spawn(forever)
      kept = scoped
    end
    assert.is_true(select(2, kept:join()):is_cancelled())
  end)

  it("gives its result when it ends before its next wait", function()
    local at <close> = gate.new()
    local task = there:spawn(gate.pass, at.path, "its end")
    at:arrived(1)
    task:abort()
    at:open()
    assert.same({true, "its end"}, {task:join()})
  end)

  it("makes an error of a __close a panic", function()
    local task = there:spawn(function()
      local _ <close> = setmetatable({}, {__close = function()
        error("in the clean-up", 0)
      end})
      started = 1
      require "ebb".sleep(1e6)
    end)
    ask(until_started, 1)
    task:abort()
    assert.equal("in the clean-up", select(2, task:join()):into_panic())
  end)

  it("is done by a timeout, and by a select that it loses", function()
    ebb.time.pause()
    local task = there:spawn(guarded, "timeout")
    ask(until_started, 1)
    ebb.time.resume()
    assert.same({nil, "elapsed"}, {ebb.time.timeout(0, function()
      local held <close> = task
      held:join()
    end)})
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(ask(is_closed, "timeout"))
    task = there:spawn(guarded, "select")
    ask(until_started, 2)
    assert.same({"near", true, 7}, {ebb.select {
      far = function()
        local held <close> = task
        held:join()
      end,
      near = function() settle() return 7 end,
    }})
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(ask(is_closed, "select"))
  end)

  it("may come many times, from many tasks, at once", function()
    for _ = 1, 20 do
      local task = there:spawn(forever)
      local aborts = ebb.JoinSet.new()
      for _ = 1, 10 do aborts:spawn(function() task:abort() end) end
      assert.is_true(select(2, task:join()):is_cancelled())
      aborts:join_all()
    end
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

describe("a Handle", function()
  it("shows its number", function()
    assert.equal("integer", math.type(there:id()))
    assert.equal(("Handle(%d)"):format(there:id()), tostring(there))
  end)

  it("equals another of the same runtime, and no other", function()
    local other <close> = Runtime.new()
    assert.is_true(there == rt:handle())
    assert.is_true(Handle.current() == Handle.current())
    assert.is_false(there == other:handle())
    assert.is_false(there == Handle.current())
    assert.equal(there:id(), rt:handle():id())
    assert.is_not.equal(there:id(), Handle.current():id())
  end)

  it("may be sent, and means the same runtime there", function()
    assert.is_true(ask(function(h)
      return h == require "ebb".Handle.current()
    end, there))
    assert.is_true(there == ask(function()
      return require "ebb".Handle.current()
    end))
    local same, id = ebb.block_in_place(function(t)
      return t.a == t.b, t.a:id()
    end, {a = there, b = rt:handle()})
    assert.same({true, there:id()}, {same, id})
  end)

  it("of this runtime lets others spawn here", function()
    _G.runtime_mark = "here"
    assert.equal("here", ask(function(main)
      return main:spawn(function()
        return runtime_mark
      end):await()
    end, Handle.current()))
    assert.equal("here", ebb.block_in_place(function(main)
      return main:spawn(function()
        return runtime_mark
      end):await()
    end, Handle.current()))
    _G.runtime_mark = nil
  end)

  it("of this runtime takes aborts from others"
     .. " (test_abort_without_panic_3662)", function()
    _G.runtime_closed = nil
    local result = ask(function(main)
      local ebb = require "ebb"
      local task = main:spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          runtime_closed = true
        end})
        runtime_started = true
        require "ebb".sleep(1e6)
      end)
      repeat
        local has_started = main:spawn(function()
          return runtime_started
        end):await()
      until has_started
      task:abort "from afar"
      local _, err = task:join()
      return err:is_cancelled() and err:reason()
    end, Handle.current())
    assert.equal("from afar", result)
    assert.is_true(_G.runtime_closed)
    _G.runtime_closed, _G.runtime_started = nil, nil
  end)

  it("of this runtime aborts what is in a LocalSet here"
     .. " (remote_abort_local_set_3929)", function()
    local closed_in
    local set <close> = ebb.LocalSet.new()
    _G.runtime_task = set:spawn_local(function()
      local _ <close> = common.closer(function()
        closed_in = Handle.current():id()
      end)
      ebb.sleep(math.huge)
    end)
    there:spawn(function(main)
      main:spawn(function() runtime_task:abort() end):await()
    end, Handle.current())
    set:await()
    assert.is_true(select(2, _G.runtime_task:join()):is_cancelled())
    assert.equal(Handle.current():id(), closed_in)
    _G.runtime_task = nil
  end)

  it("lets a chain of runtimes spawn on each other", function()
    local second <close> = Runtime.new()
    local third <close> = Runtime.new()
    local ids = {ask(function(b, c, main)
      local ebb = require "ebb"
      local mine = ebb.Handle.current():id()
      return mine, b:spawn(function(c2, main2)
        local ebb = require "ebb"
        return ebb.Handle.current():id(), c2:spawn(function(main3)
          local ebb = require "ebb"
          return ebb.Handle.current():id(), main3:spawn(function()
            return require "ebb".Handle.current():id()
          end):await()
        end, main2):await()
      end, c, main):await()
    end, second:handle(), third:handle(), Handle.current())}
    assert.same({there:id(), second:handle():id(), third:handle():id(),
                 Handle.current():id()}, ids)
  end)

  it("of the own runtime spawns without copying", function()
    local t, main = {}, Handle.current()
    local task = main:spawn(function(file)
      return t, file, io.stdout
    end, io.stdout)
    local _, same, file = task:join()
    assert.is_true(rawequal(t, same))
    assert.equal(io.stdout, file)
    assert.equal("JoinHandle(" .. task:id() .. ")", tostring(task))
  end)

  it("of the own runtime spawns a task that first runs at a wait", function()
    local ran = false
    local task = Handle.current():spawn(function() ran = true end)
    assert.is_false(ran)
    settle()
    assert.is_true(ran)
    task:join()
  end)

  it("has the current one's spawn_blocking", function()
    assert.equal(7, Handle.current():spawn_blocking(function()
      return 7
    end):await())
  end)

  it("keeps its id when its runtime is gone", function()
    local id, text = there:id(), tostring(there)
    rt:shutdown()
    assert.same({id, text}, {there:id(), tostring(there)})
  end)

  for _, name in ipairs {"spawn", "spawn_blocking", "id"} do
    it("'s methods refuse what is none: " .. name, function()
      for _, value in ipairs {42, {}, ebb.JoinSet.new(), io.stdout, rt} do
        assert.is_string(error_of(there[name], value, nothing))
      end
    end)
  end
end)

describe("shutdown", function()
  it("gives true, also the second time", function()
    assert.is_true(rt:shutdown())
    assert.is_true(rt:shutdown())
    assert.is_true(rt:shutdown(1))
  end)

  it("cancels what has not finished", function()
    local task, job = there:spawn(forever), there:spawn(forever)
    rt:shutdown()
    for _, t in ipairs {task, job} do
      assert.is_true(select(2, t:join()):is_cancelled())
    end
  end)

  it("keeps the results of what has finished", function()
    local task = there:spawn(function() return {7} end)
    task:join()
    rt:shutdown()
    assert.same({true, {7}}, {task:join()})
  end)

  it("loses no result that was sent, but not looked at", function()
    local tasks = {}
    for i = 1, 100 do tasks[i] = there:spawn(function() return i end) end
    tasks[100]:join()
    rt:shutdown()
    for i = 1, 100 do assert.same({true, i}, {tasks[i]:join()}) end
  end)

  it("lets the clean-up of tasks there wait, and ends after it", function()
    local path <const> = os.tmpname()
    there:spawn(function(p)
      local ebb = require "ebb"
      local _ <close> = setmetatable({}, {__close = function()
        for _ = 1, 10 do ebb.yield_now() end
        ebb.sleep(0.001)
        local file = assert(io.open(p, "w"))
        file:write "closed"
        file:close()
      end})
      started = 1
      ebb.sleep(1e6)
    end, path)
    ask(until_started, 1)
    rt:shutdown()
    local file = assert(io.open(path))
    assert.equal("closed", file:read "a")
    file:close()
    os.remove(path)
  end)

  it("lets tasks here run meanwhile", function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    local ran = false
    ebb.spawn(function()
      ran = true
      at:open()
    end)
    assert.is_true(rt:shutdown())
    assert.is_true(ran)
    job:join()
  end)

  it("waits for blocking work that has started", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    there:spawn_blocking(function(pass, p, out)
      pass(p)
      local file = assert(io.open(out, "w"))
      file:write "its end"
      file:close()
    end, gate.pass, at.path, path)
    at:arrived(1)
    at:open()
    rt:shutdown()
    local file = assert(io.open(path))
    assert.equal("its end", file:read "a")
    file:close()
    os.remove(path)
  end)

  it("gives up after its limit, and names the work", function()
    local at <close> = gate.new()
    local job = ebb.Builder.new():name("hasher")
      :spawn_blocking_on(gate.pass, there, at.path)
    at:arrived(1)
    local ok, message = rt:shutdown(0.01)
    assert.is_nil(ok)
    assert.matches("hasher", message)
    assert.matches("%f[%d]" .. job:id() .. "%f[%D]", message)
    assert.same({nil, message}, {rt:shutdown()}) -- it is gone
    at:open()
    job:join()
    rt = Runtime.new() -- for after_each
  end)

  it("of 0 does not wait (can_shutdown_with_zero_timeout_in_runtime)",
     function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    assert.is_nil((rt:shutdown(0)))
    at:open()
    job:join()
    rt = Runtime.new() -- for after_each
  end)

  for kind, seconds in pairs {
    ["negative"] = -1, ["NaN"] = 0 / 0, ["a string"] = "soon",
  } do
    it("names the argument when it is " .. kind, function()
      assert.matches("bad argument #1 to 'shutdown'", error_of(function()
        rt:shutdown(seconds)
      end), 1, true)
    end)
  end

  it("makes later spawns end as cancelled", function()
    rt:shutdown()
    for _, name in ipairs {"spawn", "spawn_blocking"} do
      local task = there[name](there, function() return 7 end)
      assert.is_true(select(2, task:join()):is_cancelled())
      assert.is_true(task:is_finished())
    end
  end)

  it("comes at the end of a scope", function()
    local task
    do
      local scoped <close> = Runtime.new()
      task = scoped:handle():spawn(forever)
    end
    assert.is_true(select(2, task:join()):is_cancelled())
  end)

  it("may be called by two tasks at once", function()
    for _ = 1, 3 do there:spawn(forever) end
    local a, b = ebb.spawn(rt.shutdown, rt), ebb.spawn(rt.shutdown, rt)
    assert.same({true, true}, {(a:await()), (b:await())})
  end)

  it("may be cut off, and asked for again", function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    local closer = ebb.spawn(rt.shutdown, rt)
    settle()
    settle()
    closer:abort()
    at:open()
    closer:join()
    assert.is_true(rt:shutdown())
    job:join()
  end)

  it("lets the runtimes go that its tasks have made", function()
    local code, out, err = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      do
        local one <close> = ebb.Runtime.new()
        one:handle():spawn(function()
          inner = require "ebb".Runtime.new()
          inner:handle():spawn(function() end):await()
        end):await()
        assert(threads() == before + 2)
      end
      while threads() > before do ebb.yield_now() end
      print "gone"
    ]]
    assert.same({0, "gone\n", ""}, {code, out, err})
  end)

  it("gives its thread and files back", function()
    local code, out, err = run [[
      local ebb, process = require "ebb", require "process"
      local function cycle()
        local one <close> = ebb.Runtime.new()
        one:handle():spawn(function() end):await()
        one:handle():spawn_blocking(function() end):await()
        one:handle():spawn(function() require "ebb".sleep(1e6) end)
      end
      local threads = process.threads()
      cycle()
      collectgarbage()
      collectgarbage()
      local files = process.files()
      for _ = 1, 10 do cycle() end
      collectgarbage()
      collectgarbage()
      while process.threads() > threads do ebb.yield_now() end
      print(process.files() - files)
    ]]
    assert.same({0, "0\n", ""}, {code, out, err})
  end)
end)

describe("a Runtime", function()
  it("that is collected cancels its tasks", function()
    local function make()
      local one = Runtime.new()
      return one:handle(), one:handle():spawn(forever)
    end
    local handle, task = make()
    collect()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(select(2, handle:spawn(nothing):join()):is_cancelled())
  end)

  it("that is collected gives its thread back", function()
    local code, out, err = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      for _ = 1, 5 do
        ebb.Runtime.new():handle():spawn(function()
          require "ebb".sleep(1e6)
        end)
      end
      collectgarbage()
      collectgarbage()
      while threads() > before do ebb.yield_now() end
      print "gone"
    ]]
    assert.same({0, "gone\n", ""}, {code, out, err})
  end)

  it("starts a thread, which is all it needs", function()
    local code, out, err = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      local one <close> = ebb.Runtime.new()
      one:handle():spawn(function() end):await()
      print(threads() - before)
    ]]
    assert.same({0, "1\n", ""}, {code, out, err})
  end)

  it("may be one of many", function()
    local runtimes, set = {}, ebb.JoinSet.new()
    for i = 1, 8 do
      runtimes[i] = Runtime.new {name = "worker " .. i}
      for j = 1, 10 do
        set:spawn_on(function(n) return n end, runtimes[i]:handle(),
                     10 * i + j)
      end
    end
    local sum, expected = 0, 0
    for i = 1, 8 do for j = 1, 10 do expected = expected + 10 * i + j end end
    for ok, n in set.join_next, set do
      assert.is_true(ok)
      sum = sum + n
    end
    assert.equal(expected, sum)
    for _, one in ipairs(runtimes) do assert.is_true(one:shutdown()) end
  end)

  it("may be made in another, or in blocking work", function()
    local function nested()
      local ebb = require "ebb"
      local one <close> = ebb.Runtime.new {name = "inner"}
      return one:handle():spawn(function() return "inner" end):await()
    end
    assert.equal("inner", ask(nested))
    assert.equal("inner", ebb.block_in_place(nested))
  end)

  it("finds modules by the same paths", function()
    local path = package.path
    package.path = path .. ";./first/?.lua"
    local one <close> = Runtime.new()
    assert.same({package.path, package.cpath},
                {one:handle():spawn(function()
      return package.path, package.cpath
    end):await()})
    package.path = path
  end)

  it("runs its garbage collector itself", function()
    local before = collectgarbage "count"
    ask(function()
      for _ = 1, 100 do local _ = ("x"):rep(100000) end
      collectgarbage()
    end)
    assert.is_true(collectgarbage "count" - before < 1000)
  end)

  it("is shut down when a task that has it in a <close> is aborted",
     function()
    local task, inner
    task = ebb.spawn(function()
      local one <close> = Runtime.new()
      inner = one:handle():spawn(forever)
      inner:join()
    end)
    settle()
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(select(2, inner:join()):is_cancelled())
  end)

  it("may be shut down by its own task's word", function()
    _G.runtime_to_close = rt
    there:spawn(function(main)
      main:spawn(function()
        runtime_to_close:shutdown()
      end)
      require "ebb".sleep(1e6)
    end, Handle.current()):join()
    _G.runtime_to_close = nil
  end)

  for name, options in pairs {
    ["a name that is no string"] = {name = {}},
    ["a limit that is no integer"] = {max_blocking_threads = 1.5},
    ["a limit that is 0"] = {max_blocking_threads = 0},
    ["an unknown option"] = {nome = "typo"},
  } do
    it("refuses " .. name, function()
      assert.matches("bad argument #1 to 'new'", error_of(function()
        Runtime.new(options)
      end), 1, true)
    end)
  end

  it("refuses options that are no table", function()
    assert.matches("bad argument #1 to 'new'", error_of(function()
      Runtime.new "worker"
    end), 1, true)
  end)

  it("names its class in tostring", function()
    local one <close> = Runtime.new {name = "worker"}
    assert.matches("^Runtime", tostring(one))
  end)

  for _, name in ipairs {"handle", "shutdown"} do
    it("'s methods refuse what is none: " .. name, function()
      for _, value in ipairs {42, {}, ebb.JoinSet.new(), io.stdout, there} do
        assert.is_string(error_of(rt[name], value))
      end
    end)
  end
end)

describe("a JoinMap with tasks on another runtime", function()
  local map

  before_each(function() map = ebb.JoinMap.new() end)
  after_each(function() map:shutdown() end)

  it("joins them as it joins others", function()
    local id = map:spawn_on("far", function(n) return n, nil, n end, there, 7)
    map:spawn("near", function() return 8 end)
    local seen = {}
    for key, ok, a, b, c in map.join_next, map do
      seen[key] = table.pack(ok, a, b, c)
    end
    assert.same({n = 4, true, 7, nil, 7}, seen.far)
    assert.same({true, 8}, {seen.near[1], seen.near[2]})
    assert.equal("integer", math.type(id))
  end)

  it("gives cancelled when the runtime goes (runtime_gone)", function()
    map:spawn_on("key", forever, there)
    rt:shutdown()
    local key, ok, err = map:join_next()
    assert.same({"key", false, true}, {key, ok, err:is_cancelled()})
  end)

  it("has their ids", function()
    local id = map:spawn_on("key", function() return require "ebb".id() end,
                            there)
    assert.equal(id, map:id "key")
    assert.is_true(map:contains_task(id))
    assert.same({"key", true, id}, {map:join_next()})
  end)

  it("aborts and replaces them", function()
    map:spawn_on("key", guarded, there, "old")
    ask(until_started, 1)
    map:spawn_on("key", guarded, there, "new")
    ask(until_started, 2)
    assert.is_true(map:abort("key", "reason"))
    local key, ok, err = map:join_next()
    assert.same({"key", false, "reason"}, {key, ok, err:reason()})
    assert.is_nil(map:join_next())
    -- The replaced one is not joined, but closed all the same.
    assert.is_true(ask(is_closed, "new"))
    repeat until ask(is_closed, "old")
  end)

  it("waits in shutdown for their clean-up", function()
    for i = 1, 10 do map:spawn_on(i, guarded, there, i) end
    ask(until_started, 10)
    map:shutdown()
    for i = 1, 10 do assert.is_true(ask(is_closed, i)) end
  end)

  it("aborts them when it is collected", function()
    map:spawn_on("key", guarded, there, "key")
    ask(until_started, 1)
    map = ebb.JoinMap.new()
    collect()
    repeat until ask(is_closed, "key")
  end)

  it("lets them run on when they are detached", function()
    local at <close> = gate.new()
    map:spawn_on("key", function(pass, path)
      pass(path)
      ended = true
    end, there, gate.pass, at.path)
    at:arrived(1)
    map:detach_all()
    at:open()
    repeat until ask(function() return ended end)
  end)

  it("keeps the task of a key when the new one cannot be sent", function()
    map:spawn("key", function() return "old" end)
    assert.matches("cannot send a userdata", error_of(
      map.spawn_on, map, "key", nothing, there, io.stdout), 1, true)
    assert.same({"key", true, "old"}, {map:join_next()})
  end)

  it("may have keys that cannot be sent", function()
    map:spawn_on(io.stdout, function() return 7 end, there)
    assert.same({io.stdout, true, 7}, {map:join_next()})
  end)

  it("spawns without copying on its own runtime", function()
    local t = {}
    map:spawn_on("key", function(file) return t, file end, Handle.current(),
                 io.stdout)
    local _, _, same, file = map:join_next()
    assert.is_true(rawequal(t, same))
    assert.equal(io.stdout, file)
  end)

  it("names the argument that is no Handle", function()
    for _, method in ipairs {"spawn_on", "spawn_blocking_on"} do
      for _, value in ipairs {42, {}, rt} do
        assert.matches(("bad argument #3 to '%s'"):format(method),
                       error_of(common.call, map, method, "key", nothing,
                                value), 1, true)
      end
    end
    assert.is_true(map:is_empty())
  end)

  it("runs blocking work on that pool", function()
    map:spawn_blocking_on("key", function(n)
      return n, require "ebb".id()
    end, there, 7)
    local id = map:id "key"
    assert.same({"key", true, 7, id}, {map:join_next()})
  end)
end)

describe("a JoinSet with tasks on another runtime", function()
  local set

  before_each(function() set = ebb.JoinSet.new() end)
  after_each(function() set:shutdown() end)

  it("joins them, and gives AbortHandles", function()
    local handle = set:spawn_on(function() return 7 end, there)
    assert.matches("^AbortHandle", tostring(handle))
    assert.same({handle:id(), true, 7}, {set:join_next_with_id()})
    set:spawn_blocking_on(function(n) return n end, there, 8)
    assert.same({true, 8}, {set:join_next()})
  end)

  it("gives cancelled when the runtime goes (runtime_gone)", function()
    set:spawn_on(forever, there)
    rt:shutdown()
    local ok, err = set:join_next()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
  end)

  it("aborts them by their handles", function()
    local handle = set:spawn_on(forever, there)
    handle:abort "reason"
    local _, err = set:join_next()
    assert.equal("reason", err:reason())
  end)

  it("raises their panic in join_all", function()
    set:spawn_on(function() error("boom", 0) end, there)
    set:spawn_on(forever, there)
    local err = error_of(set.join_all, set)
    assert.equal("boom", err:into_panic())
    assert.is_true(set:is_empty())
  end)

  it("names the argument that is no Handle", function()
    for _, method in ipairs {"spawn_on", "spawn_blocking_on"} do
      assert.matches(("bad argument #2 to '%s'"):format(method),
                     error_of(common.call, set, method, nothing, {}),
                     1, true)
    end
    assert.is_true(set:is_empty())
  end)
end)

describe("a program with runtimes", function()
  it("ends though nobody has shut them down", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      rt = ebb.Runtime.new()
      rt:handle():spawn(function() require "ebb".sleep(1e6) end)
      task = rt:handle():spawn(function() return "result" end)
      print(task:await())
    ]]
    assert.same({0, "result\n", ""}, {code, out, err})
  end)

  it("ends by os.exit, in a task, too", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      rt = ebb.Runtime.new()
      task = rt:handle():spawn(function() require "ebb".sleep(1e6) end)
      ebb.spawn(function() os.exit(3, true) end)
      task:join()
    ]]
    assert.same({3, "", ""}, {code, out, err})
  end)

  it("ends by an error", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      rt:handle():spawn(function() require "ebb".sleep(1e6) end)
      error "the end"
    ]]
    assert.equal(1, code)
    assert.matches("the end", err)
  end)

  it("is told once of a panic there that nobody can join", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      local there = rt:handle()
      local function culprit() error("boom", 0) end
      ebb.Builder.new():name("far"):spawn_on(function() culprit() end, there)
      repeat
        collectgarbage()
        ebb.yield_now()
      until #ebb.tasks() == 0
    ]]
    assert.equal(0, code)
    assert.equal(1, select(2, err:gsub("boom", "")))
    assert.matches("far", err)
    assert.matches("culprit", err)
  end)

  it("is told of a panic of a task that was spawned there", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      rt:handle():spawn(function()
        local ebb = require "ebb"
        ebb.spawn(error, "boom there")
        for _ = 1, 3 do
          ebb.yield_now()
          collectgarbage()
        end
      end):await()
    ]]
    assert.equal(1, select(2, err:gsub("boom there", "")))
  end)

  it("goes on when a Runtime is closed in a coroutine that is dropped",
     function()
    local code, out = run [[
      local ebb = require "ebb"
      local co = coroutine.wrap(function()
        local rt <close> = ebb.Runtime.new()
        coroutine.yield(rt:handle():spawn(function() return 7 end):await())
      end)
      print(co())
      co = nil
      collectgarbage()
      collectgarbage()
      print "goes on"
    ]]
    assert.same({0, "7\ngoes on\n"}, {code, out})
  end)
end)
