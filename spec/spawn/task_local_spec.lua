-- task_local: values that a task carries with it while a scope lasts. The
-- first part follows Tokio's tests in task_local.rs, under their names.

local ebb = require "ebb"
local common = require "common"

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, call =
  common.closer, common.collect, common.error_of, common.call

local key

before_each(function()
  ebb.time.pause()
  key = ebb.task_local "request"
end)

after_each(function()
  -- The main chunk is in no scope; none must have been left behind.
  assert.is_nil((key:try_get()))
  ebb.time.resume()
end)

describe("as in Tokio, a task-local", function()
  it("is each task's own (local)", function()
    local flag = ebb.task_local "flag"
    local a = ebb.spawn(function()
      key:scope(1, function()
        assert.equal(1, key:get())
        assert.equal(1, key:get())
      end)
    end)
    local b = ebb.spawn(function()
      key:scope(2, function()
        key:with(function(value)
          assert.equal(2, key:get())
          assert.equal(2, value)
        end)
        ebb.sleep(0.01)
        assert.equal(2, key:get())
      end)
    end)
    local c = ebb.spawn(function()
      flag:scope(true, function() assert.is_true(flag:get()) end)
    end)
    for _, task in ipairs {a, b, c} do task:await() end
  end)

  it("is there in a clean-up on abort (task_local_available_on_abort)",
     function()
    local seen
    local task = ebb.spawn(function()
      key:scope(42, function()
        local _ <close> = closer(function() seen = key:get() end)
        forever()
      end)
    end)
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.equal(42, seen)
  end)

  it("is there in a clean-up at the end"
     .. " (task_local_available_on_completion_drop)", function()
    local seen
    ebb.spawn(function()
      key:scope(42, function()
        local _ <close> = closer(function() seen = key:get() end)
      end)
    end):await()
    assert.equal(42, seen)
  end)

  it("is found by get and try_get (get_value)", function()
    key:scope(1, function()
      assert.equal(1, key:get())
      assert.equal(1, key:try_get())
    end)
    assert.is_nil((key:try_get()))
  end)
end)

for _, scope in ipairs {"scope", "sync_scope"} do
  describe(scope, function()
    it("gives the results of its function, nils included", function()
      local got = table.pack(key[scope](key, 1, function(...)
        settle()
        return ...
      end, nil, 2, nil))
      assert.same({n = 3, nil, 2, nil}, got)
    end)

    it("passes a thousand arguments and results", function()
      local args = {}
      for i = 1, 1000 do args[i] = i end
      local function sum(...)
        assert.equal(1000, select("#", ...))
        return ...
      end
      assert.same(args, {key[scope](key, 1, sum, table.unpack(args))})
    end)

    it("runs its function in the calling task, at once", function()
      local ran = false
      local task = ebb.spawn(function()
        return key[scope](key, 1, ebb.id)
      end)
      assert.same({true, task:id()}, {task:join()})
      ebb.spawn(function() ran = true end)
      key[scope](key, 1, nothing)
      assert.is_false(ran)
      settle()
    end)

    it("raises the very error of its function, and ends", function()
      local value = {}
      assert.equal(value, error_of(key[scope], key, 1, function()
        settle()
        error(value)
      end))
      assert.is_nil((key:try_get()))
    end)

    it("restores the outer value after an error", function()
      key:scope("outer", function()
        pcall(key[scope], key, "inner", error, "boom")
        assert.equal("outer", key:get())
        pcall(key[scope], key, "inner", function()
          settle()
          error "boom"
        end)
        assert.equal("outer", key:get())
      end)
    end)

    it("nests and restores", function()
      local log = {}
      local function note() log[#log + 1] = key:get() end
      key[scope](key, 1, function()
        note()
        key[scope](key, 2, function()
          settle()
          note()
          key[scope](key, 3, note)
          note()
        end)
        settle()
        note()
      end)
      assert.same({1, 2, 3, 2, 1}, log)
    end)

    it("names the argument when its function cannot be called", function()
      local message = ("bad argument #2 to '%s'"):format(scope)
      for _, f in ipairs {42, "text", {}} do
        assert.matches(message, error_of(call, key, scope, 1, f), 1, true)
      end
      assert.matches(message, error_of(call, key, scope, 1), 1, true)
    end)

    it("takes a callable value as its function", function()
      local callable = setmetatable({}, {__call = function() return 7 end})
      assert.equal(7, key[scope](key, 1, callable))
    end)
  end)
end

local THING = {}

describe("the value of a key", function()
  for kind, value in pairs {
    ["false"] = false, ["a number"] = 42, ["a string"] = "text",
    ["a table"] = THING, ["a function"] = nothing, ["a key"] = true,
  } do
    it("may be " .. kind, function()
      key:scope(value, function()
        assert.equal(value, key:get())
        assert.same({n = 1, value}, table.pack(key:try_get()))
        assert.same({n = 1, value}, table.pack(key:with(function(...)
          return ...
        end)))
      end)
    end)
  end

  it("may be nil", function()
    key:scope(nil, function()
      assert.same({n = 1}, table.pack(key:get()))
      assert.same({n = 1}, table.pack(key:try_get()))
      assert.equal("called", key:with(function(value)
        assert.is_nil(value)
        return "called"
      end))
    end)
  end)

  it("is the very one that was given", function()
    key:scope(THING, function()
      assert.is_true(rawequal(THING, key:get()))
      settle()
      collect()
      assert.is_true(rawequal(THING, key:get()))
    end)
  end)

  it("is kept while the scope lasts, and let go after it", function()
    local weak = setmetatable({}, {__mode = "v"})
    key:scope({}, function()
      weak[1] = key:get()
      collect()
      assert.is_table(weak[1])
    end)
    collect()
    assert.is_nil(weak[1])
  end)

  it("is let go when the scope's task was aborted", function()
    local weak = setmetatable({}, {__mode = "v"})
    local task = ebb.spawn(function()
      key:scope({}, function()
        weak[1] = key:get()
        forever()
      end)
    end)
    settle()
    task:abort()
    task:join()
    collect()
    assert.is_nil(weak[1])
  end)

  it("is not mixed up with another key of the same name", function()
    local other = ebb.task_local "request"
    key:scope(1, function()
      assert.is_nil((other:try_get()))
      other:scope(2, function()
        assert.same({1, 2}, {key:get(), other:get()})
      end)
      assert.is_nil((other:try_get()))
    end)
  end)

  it("is found among those of a hundred keys", function()
    local keys = {}
    for i = 1, 100 do keys[i] = ebb.task_local("key " .. i) end
    local function nest(i)
      if keys[i] then return keys[i]:scope(i, nest, i + 1) end
      settle()
      for j = 1, 100 do assert.equal(j, keys[j]:get()) end
      return "innermost"
    end
    assert.equal("innermost", nest(1))
  end)
end)

describe("outside of a scope", function()
  it("get raises an error with the name", function()
    assert.matches("request", error_of(key.get, key))
  end)

  it("try_get gives nil and an AccessError with the name", function()
    local value, err = key:try_get()
    assert.is_nil(value)
    assert.is_not_nil(err)
    assert.matches("request", tostring(err))
  end)

  it("with raises, and does not call its function", function()
    local called = false
    local err = error_of(key.with, key, function() called = true end)
    assert.matches("request", tostring(err))
    assert.is_false(called)
  end)

  it("try_with gives nil and an AccessError, and calls nothing", function()
    local called = false
    local value, err = key:try_with(function() called = true end)
    assert.is_nil(value)
    assert.matches("request", tostring(err))
    assert.is_false(called)
  end)

  it("is also after a scope, in the same task", function()
    ebb.spawn(function()
      key:scope(1, settle)
      assert.is_nil((key:try_get()))
    end):await()
  end)
end)

for _, with in ipairs {"with", "try_with"} do
  describe(with, function()
    it("gives the results of its function", function()
      local got = key:scope(5, function()
        return table.pack(key[with](key, function(value)
          return value, nil, value + 1, nil
        end))
      end)
      assert.same({n = 4, 5, nil, 6, nil}, got)
    end)

    it("lets its function wait", function()
      key:scope(5, function()
        assert.equal(5, key[with](key, function(value)
          ebb.sleep(1)
          return value
        end))
      end)
    end)

    it("raises the very error of its function", function()
      local value = {}
      key:scope(5, function()
        assert.equal(value, error_of(key[with], key, function()
          error(value)
        end))
        assert.equal(5, key:get())
      end)
    end)

    it("names the argument when its function cannot be called", function()
      key:scope(5, function()
        assert.matches(("bad argument #1 to '%s'"):format(with),
                       error_of(call, key, with, 42), 1, true)
      end)
    end)
  end)
end

describe("task_local", function()
  it("gives a key that shows its name", function()
    assert.matches("request", tostring(key))
  end)

  for kind, name in pairs {["a table"] = {}, ["a boolean"] = true} do
    it("names the argument when the name is " .. kind, function()
      assert.matches("bad argument #1 to 'task_local'", error_of(function()
        ebb.task_local(name)
      end), 1, true)
    end)
  end

  it("names the argument when the name is missing", function()
    assert.matches("bad argument #1 to 'task_local'", error_of(function()
      ebb.task_local()
    end), 1, true)
  end)

  for _, name in ipairs {"scope", "sync_scope", "get", "try_get", "with",
                         "try_with"} do
    it("'s methods refuse what is no key: " .. name, function()
      for _, value in ipairs {42, {}, ebb.JoinSet.new(), io.stdout} do
        assert.is_string(error_of(key[name], value, nothing, nothing))
      end
    end)
  end
end)
