-- A panic that passed through `await` came out as the JoinError of the task
-- next to the caller: no value, line or traceback of the task that had raised
-- it, and messages in quotes in quotes.

local ebb = require "ebb"

local common = require "common"

local error_of = common.error_of

local function leaf(value) error(value, 0) end
local LEAF <const> = debug.getinfo(leaf, "S").linedefined
local function parent(value) return ebb.spawn(leaf, value):await() end

local function join_error(f, ...)
  local ok, err = ebb.spawn(f, ...):join()
  assert.is_false(ok)
  return err
end

local function count(text, what)
  return select(2, text:gsub(what, ""))
end

-- The traceback begins in `leaf`, and has `lines` about tasks below it.
local function assert_from_leaf(err, lines)
  local text = err:traceback()
  assert.matches("^stack traceback:\n[^\n]*'error'\n[^\n]*"
                   .. "065%-.*_spec.lua:" .. LEAF .. ": in ", text)
  assert.equal(lines, count(text, "\nawaited by task "))
  assert.equal(1, count(text, "stack traceback:"))
end

describe("a panic that passes through a task", function()
  local ways = {
    await = function(...) return ebb.spawn(leaf, ...):await() end,
    block_on = function(...) return ebb.block_on(leaf, ...) end,
    timeout = function(...) return ebb.time.timeout(1, leaf, ...) end,
    select = function(value)
      local _, ok, err = ebb.select {function() leaf(value) end}
      assert(not ok)
      error(err, 0)
    end,
    ["join and into_panic"] = function(value)
      local _, err = ebb.spawn(leaf, value):join()
      error(err:into_panic(), 0)
    end,
    ["pcall and error"] = function(value)
      local ok, err = pcall(parent, value)
      assert(not ok)
      ebb.yield_now()
      error(err, 0)
    end,
  }

  local values = {string = "boom", object = {}, number = 7.5, boolean = false,
                  ["function"] = print}

  for way, f in pairs(ways) do
    for kind, value in pairs(values) do
      it(("by %s is the raised %s itself"):format(way, kind), function()
        assert.is_true(rawequal(value, error_of(f, value)))
        local err = join_error(f, value)
        assert.is_true(rawequal(value, err:into_panic()))
        assert_from_leaf(err, 1)
      end)
    end

    it("by " .. way .. " may be nil", function()
      assert.equal(common.raised_nil, error_of(f, nil))
      assert_from_leaf(join_error(f, nil), 1)
    end)
  end

  it("of a pool is known from there", function()
    local function fail() error "boom" end
    local err = join_error(function() ebb.block_in_place(fail) end)
    assert.matches("^[^\n]*boom$", err:into_panic())
    assert.matches("in function <.*\nawaited by task %d+ %(", err:traceback())
  end)

  it("of another runtime has that one's lines too", function()
    local rt <close> = ebb.Runtime.new()
    local err = join_error(function()
      rt:handle():spawn(function()
        local inside = require "ebb"
        inside.spawn(function() error "boom" end):await()
      end):await()
    end)
    assert.matches("boom$", err:into_panic())
    assert.equal(2, count(err:traceback(), "\nawaited by task "))
  end)

  it("by join_all is its JoinError", function()
    local set = ebb.JoinSet.new()
    set:spawn(parent, "boom")
    local err = join_error(set.join_all, set)
    assert.matches('panicked with message "boom"$', tostring(err))
    assert.equal(1, count(tostring(err), "panicked"))
    assert_from_leaf(err, 2)
  end)

  it("by join and error has its message once", function()
    local err = join_error(function()
      local _, inner = ebb.spawn(parent, "boom"):join()
      error(inner)
    end)
    assert.equal(('task %d panicked with message "boom"'):format(err:id()),
                 tostring(err))
    assert_from_leaf(err, 2)
  end)

  it("keeps its trace when the position of `error` is put before it", function()
    local function fail() error "boom" end
    local err = join_error(function()
      local _, message = pcall(function() ebb.spawn(fail):await() end)
      error(message)
    end)
    assert.equal(2, count(err:into_panic(), "_spec.lua:%d+: "))
    assert.equal(1, count(err:traceback(), "\nawaited by task "))
  end)

  it("keeps its trace through a generator", function()
    local function fail() error "boom" end
    local err = join_error(function()
      coroutine.wrap(function() ebb.spawn(fail):await() end)()
    end)
    assert.equal(1, count(err:traceback(), "\nawaited by task "))
  end)

  it("comes from a clean-up's await as well", function()
    local err = join_error(function()
      local _ <close> = common.closer(function() parent "boom" end)
      error "other"
    end)
    assert.equal("boom", err:into_panic())
    assert_from_leaf(err, 1)
  end)

  it("comes from the await of an aborted task's clean-up as well", function()
    local task = ebb.spawn(function()
      local _ <close> = common.closer(function() parent "boom" end)
      common.forever()
    end)
    ebb.yield_now()
    task:abort "reason"
    local _, err = task:join()
    assert.equal("boom", err:into_panic())
    assert_from_leaf(err, 1)
  end)

  it("leaves an abort its JoinError", function()
    local task = ebb.spawn(common.forever)
    task:abort "why"
    local err = error_of(task.await, task)
    assert.is_true(err:is_cancelled())
    assert.equal("why", err:reason())
    assert.equal(err, error_of(ebb.block_on, function() task:await() end))
  end)
end)

describe("a line about a task that a panic came through", function()
  local function line_of(err)
    return err:traceback():match "[^\n]*$"
  end

  it("has its id and where it waited", function()
    local err = join_error(function()
      ebb.spawn(leaf, "boom"):await()
    end)
    local here = debug.getinfo(1, "l").currentline - 2
    assert.matches(("^awaited by task %d %%([^,]*065%%-.*_spec.lua:%d%%)$")
                     :format(err:id(), here), line_of(err))
  end)

  it("has its name", function()
    local task = ebb.Builder.new():name("crawler"):spawn(function()
      ebb.spawn(leaf, "boom"):await()
    end)
    assert.matches("^awaited by task %d+ %(crawler, .*:%d+%)$",
                   line_of(select(2, task:join())))
  end)

  for shown, key in pairs {page = "page", ["12"] = 12, ["true"] = true,
                           ["table: 0x%x+"] = {}} do
    it("has its key, " .. shown, function()
      local map <close> = ebb.JoinMap.new()
      map:spawn(key, parent, "boom")
      local _, _, err = map:join_next()
      assert.matches(("^awaited by task %%d+ %%(%s, .*:%%d+%%)$")
                       :format(shown), line_of(err))
    end)
  end

  it("has name and key", function()
    local map <close> = ebb.JoinMap.new()
    map:build_task():name("crawler"):spawn("page", parent, "boom")
    local _, _, err = map:join_next()
    assert.matches("^awaited by task %d+ %(crawler, page, .*:%d+%)$",
                   line_of(err))
  end)
end)

describe("an error that is a task's own", function()
  local function own(f)
    local err = join_error(f)
    assert.is_nil(err:traceback():find("awaited by", 1, true))
    return err
  end

  it("is not taken for one that it has caught before", function()
    local function check(value) if value then error("not " .. value) end end
    local err = own(function()
      local task = ebb.spawn(check, "this")
      pcall(task.await, task)
      check "this"
    end)
    assert.matches("not this$", err:into_panic())
  end)

  it("is not taken for one that its position ends like", function()
    own(function()
      local task = ebb.spawn(error, "boom", 0)
      pcall(task.await, task)
      error "boom"
    end)
  end)

  it("is not taken for one of the operators'", function()
    local function index(x) return x.y.z end
    own(function()
      local task = ebb.spawn(index, {})
      pcall(task.await, task)
      index {}
    end)
  end)

  it("has no traceback of another when its clean-up raised it", function()
    local err = join_error(function()
      local _ <close> = common.closer(function() error("second", 0) end)
      error "first"
    end)
    assert.equal("second", err:into_panic())
    assert.is_nil(err:traceback())
  end)

  it("keeps its traceback when its clean-up has caught another", function()
    local err = join_error(function()
      local _ <close> = common.closer(function() pcall(parent, "other") end)
      leaf "mine"
    end)
    assert.equal("mine", err:into_panic())
    assert_from_leaf(err, 0)
  end)
end)

describe("what a task was handed", function()
  it("is let go of", function()
    local weak = setmetatable({}, {__mode = "v"})
    local task = ebb.spawn(function()
      local ok, err = pcall(parent, {})
      assert(not ok)
      weak[1] = err
      ok, err = nil, nil
      common.collect()
      return weak[1] == nil
    end)
    assert.is_true(task:await())
  end)
end)

describe("a chain of awaits", function()
  for name, f in pairs {
    await = function(task) task:await() end,
    ["join and error"] = function(task)
      local _, err = task:join()
      error(err)
    end,
  } do
    it("of 1000 tasks by " .. name .. " has its message once", function()
      local task = ebb.spawn(leaf, "boom")
      for _ = 1, 1000 do task = ebb.spawn(f, task) end
      local _, err = task:join()
      assert.matches('^task %d+ panicked with message "boom"$', tostring(err))
      assert.equal(1000, count(err:traceback(), "\nawaited by task "))
    end)
  end
end)
