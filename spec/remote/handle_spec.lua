-- #threads
-- Handle: what stands for a runtime.

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local ebb = require "ebb"
local common = require "common"
local remote = require "remote"
local Runtime, Handle = ebb.Runtime, ebb.Handle

local settle = ebb.yield_now

local nothing = common.nothing
local error_of = common.error_of

local rt, there -- a runtime and its handle, new for each test

before_each(function() rt, there = remote.new_runtime() end)
after_each(function() assert.is_true(rt:shutdown()) end)

-- What f(...) gives as a task of the other runtime.
local function ask(f, ...) return there:spawn(f, ...):await() end

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
