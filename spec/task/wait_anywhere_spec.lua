-- A task may wait wherever Lua code can run, and so may the main chunk: in
-- callbacks of C functions, metamethods, generators, module bodies.

local ebb = require "ebb"
local common = require "common"
local run = require "run"

local settle, collect = ebb.yield_now, common.collect

local function meta(event, f)
  return setmetatable({}, {[event] = f})
end

-- A reader for `load` that gives the pieces of a chunk.
local function reader(wait, pieces)
  local i = 0
  return function()
    wait()
    i = i + 1
    return pieces[i]
  end
end

local modules = 0

local function require_once(loader)
  modules = modules + 1
  local name = "wait_anywhere_spec." .. modules
  package.preload[name] = loader
  local value = require(name)
  package.preload[name], package.loaded[name] = nil, nil
  return value
end

-- Each calls `wait` from a place where plain Lua could not yield, or where
-- somebody else would see the yield, and returns something that depends on
-- all of it having worked.
local PLACES = {
  ["a table.sort comparator"] = function(wait)
    local list = {3, 1, 2}
    table.sort(list, function(a, b) wait() return a < b end)
    return table.concat(list)
  end,

  ["a string.gsub callback"] = function(wait)
    return (("a b c"):gsub("%w", function(c) wait() return c:upper() end))
  end,

  ["the __index of string.gsub's table"] = function(wait)
    local upper = meta("__index", function(_, c) wait() return c:upper() end)
    return (("a b c"):gsub("%w", upper))
  end,

  ["an __index metamethod"] = function(wait)
    return meta("__index", function(_, key) wait() return key .. "!" end).key
  end,

  ["a __newindex metamethod"] = function(wait)
    local got
    meta("__newindex", function(_, k, v) wait() got = k .. v end).key = 1
    return got
  end,

  ["an __add metamethod"] = function(wait)
    return meta("__add", function(_, n) wait() return n + 1 end) + 41
  end,

  ["a __unm metamethod"] = function(wait)
    return -meta("__unm", function() wait() return 42 end)
  end,

  ["a __concat metamethod"] = function(wait)
    return meta("__concat", function(_, s) wait() return s end) .. "end"
  end,

  ["a __len metamethod"] = function(wait)
    return #meta("__len", function() wait() return 42 end)
  end,

  ["an __eq metamethod"] = function(wait)
    return meta("__eq", function() wait() return true end) == {}
  end,

  ["a __lt metamethod"] = function(wait)
    return meta("__lt", function() wait() return true end) < 1
  end,

  ["a __le metamethod"] = function(wait)
    return meta("__le", function() wait() return true end) <= 1
  end,

  ["a __call metamethod"] = function(wait)
    return meta("__call", function(_, n) wait() return n + 1 end)(41)
  end,

  ["a __close metamethod at the end of a block"] = function(wait)
    local log = {}
    do
      local _ <close> = meta("__close", function()
        wait()
        log[#log + 1] = "closed"
      end)
      log[#log + 1] = "block"
    end
    return table.concat(log, " ")
  end,

  ["a __close metamethod after an error"] = function(wait)
    local closed
    local _, err = pcall(function()
      local _ <close> = meta("__close", function(_, e) wait() closed = e end)
      error("boom", 0)
    end)
    return err .. closed
  end,

  ["a __pairs metamethod"] = function(wait)
    local t = meta("__pairs", function() wait() return next, {key = 1} end)
    local key = pairs(t)({key = 1})
    return key
  end,

  ["a __tostring metamethod"] = function(wait)
    return tostring(meta("__tostring", function() wait() return "text" end))
  end,

  ["a __tostring metamethod called by string.format"] = function(wait)
    local object = meta("__tostring", function() wait() return "text" end)
    return ("<%s>"):format(object)
  end,

  ["an __index metamethod called by table.concat"] = function(wait)
    local list = meta("__index", function(_, i) wait() return i * i end)
    return table.concat(list, " ", 1, 3)
  end,

  ["an __index metamethod called by table.unpack"] = function(wait)
    local list = meta("__index", function(_, i) wait() return i * i end)
    return (select(3, table.unpack(list, 1, 3)))
  end,

  ["a __lt metamethod called by table.sort"] = function(wait)
    local mt = {__lt = function(a, b) wait() return a.n < b.n end}
    local list = {}
    for i, n in ipairs {3, 1, 2} do list[i] = setmetatable({n = n}, mt) end
    table.sort(list)
    return list[1].n .. list[2].n .. list[3].n
  end,

  ["an iterator of a for loop"] = function(wait)
    local sum = 0
    for n in function(_, n)
      wait()
      if n < 3 then return n + 1 end
    end, nil, 0 do sum = sum + n end
    return sum
  end,

  ["a generator"] = function(wait)
    local got = {}
    for n in coroutine.wrap(function()
      for n = 1, 3 do
        wait()
        coroutine.yield(n)
      end
      wait()
    end) do got[#got + 1] = n end
    return table.concat(got, " ")
  end,

  ["a coroutine that is resumed"] = function(wait)
    local co = coroutine.create(function(n)
      wait()
      n = coroutine.yield(n + 1)
      wait()
      return n + 1
    end)
    local _, first = coroutine.resume(co, 1)
    local _, second = coroutine.resume(co, 10)
    return first .. " " .. second .. " " .. coroutine.status(co)
  end,

  ["a generator inside a generator"] = function(wait)
    local function numbers()
      for n = 1, 3 do
        wait()
        coroutine.yield(n)
      end
    end
    local function doubled()
      for n in coroutine.wrap(numbers) do
        wait()
        coroutine.yield(2 * n)
      end
    end
    local got = {}
    for n in coroutine.wrap(doubled) do got[#got + 1] = n end
    return table.concat(got, " ")
  end,

  ["a sort comparator inside a generator"] = function(wait)
    return coroutine.wrap(function()
      local list = {3, 1, 2}
      table.sort(list, function(a, b) wait() return a < b end)
      coroutine.yield(table.concat(list))
    end)()
  end,

  ["a generator inside a sort comparator"] = function(wait)
    local list = {3, 1, 2}
    table.sort(list, function(a, b)
      return coroutine.wrap(function()
        wait()
        coroutine.yield(a < b)
      end)()
    end)
    return table.concat(list)
  end,

  ["the __close of a generator that is closed"] = function(wait)
    local log = {}
    local co = coroutine.create(function()
      local _ <close> = meta("__close", function()
        wait()
        log[#log + 1] = "closed"
      end)
      coroutine.yield()
    end)
    coroutine.resume(co)
    log[#log + 1] = tostring(coroutine.close(co))
    return table.concat(log, " ")
  end,

  ["pcall"] = function(wait)
    local ok, err = pcall(function() wait() error("boom", 0) end)
    return tostring(ok) .. err
  end,

  ["pcall inside a sort comparator"] = function(wait)
    local list = {3, 1, 2}
    table.sort(list, function(a, b)
      pcall(function() wait() error "boom" end)
      return a < b
    end)
    return table.concat(list)
  end,

  ["xpcall"] = function(wait)
    local _, err = xpcall(function() wait() error("boom", 0) end,
                          string.upper)
    return err
  end,

  ["a message handler"] = function(wait)
    local _, err = xpcall(error, function(m) wait() return m .. "!" end, "e")
    return err
  end,

  ["the body of a module"] = function(wait)
    return require_once(function() wait() return "module" end)
  end,

  ["the reader of load"] = function(wait)
    return load(reader(wait, {"return ", "40", " + 2"}))()
  end,

  ["a debug hook"] = function(wait)
    local left = 3
    debug.sethook(function()
      if left > 0 then
        left = left - 1
        wait()
      end
    end, "l")
    local a = 1
    local b = a + 1
    local c = b + 1
    debug.sethook()
    return c .. " " .. left
  end,
}

-- What a place gives when nothing waits, and how often it calls `wait`.
local function dry_run(place)
  local calls = 0
  local value = place(function() calls = calls + 1 end)
  return value, calls
end

-- Two tasks in the same kind of place: the order in which they got there.
local function order_of_two_tasks(place)
  local log = {}
  local function side(name)
    place(function()
      log[#log + 1] = name
      ebb.yield_now()
    end)
  end
  local a, b = ebb.spawn(side, "a"), ebb.spawn(side, "b")
  a:await()
  b:await()
  return table.concat(log)
end

-- The main chunk in such a place, while a task does nothing but yield.
local function order_of_main_and_task(place)
  local log = {}
  local over = false
  local task = ebb.spawn(function()
    while not over do
      log[#log + 1] = "t"
      ebb.yield_now()
    end
  end)
  place(function()
    log[#log + 1] = "m"
    ebb.yield_now()
  end)
  over = true
  task:await()
  return table.concat(log)
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("a task waits in", function()
  for name, place in pairs(PLACES) do
    it(name .. " as if it had not waited", function()
      local value = dry_run(place)
      local task = ebb.spawn(place, function() ebb.sleep(1) end)
      assert.same({true, value}, {task:join()})
    end)

    it(name .. " while another one takes its turns there", function()
      local _, calls = dry_run(place)
      assert.is_true(calls > 0)
      assert.equal(("ab"):rep(calls), order_of_two_tasks(place))
    end)
  end
end)

describe("the main chunk waits in", function()
  for name, place in pairs(PLACES) do
    it(name .. " as if it had not waited", function()
      local value = dry_run(place)
      assert.equal(value, place(function() ebb.sleep(1) end))
    end)

    it(name .. " while a task takes its turns", function()
      local _, calls = dry_run(place)
      assert.equal(("mt"):rep(calls), order_of_main_and_task(place))
    end)
  end
end)

local function sorted_with(wait)
  local list = {3, 1, 2}
  table.sort(list, function(a, b) wait() return a < b end)
  return table.concat(list)
end

describe("in a sort comparator", function()
  it("join gives the result", function()
    local task = ebb.spawn(function()
      return sorted_with(function()
        assert(ebb.spawn(ebb.sleep, 1):join())
      end)
    end)
    assert.same({true, "123"}, {task:join()})
  end)

  it("await raises what the joined task raised", function()
    local value = {}
    local task = ebb.spawn(function()
      local _, err = pcall(sorted_with, function()
        ebb.spawn(error, value):await()
      end)
      return err
    end)
    local _, got = task:join()
    assert.equal(value, got)
  end)

  it("join_next gives key, outcome and values", function()
    local map = ebb.JoinMap.new()
    local got = {}
    local task = ebb.spawn(function()
      table.sort({2, 1}, function()
        map:spawn("key", function() ebb.sleep(1) return 1, nil, 3 end)
        got = table.pack(map:join_next())
        return false
      end)
    end)
    task:await()
    assert.same({n = 5, "key", true, 1, nil, 3}, got)
  end)

  it("shutdown drains a map", function()
    local map = ebb.JoinMap.new()
    map:spawn("key", ebb.sleep, 1000)
    ebb.spawn(function() sorted_with(function() map:shutdown() end) end)
      :await()
    assert.is_true(map:is_empty())
  end)

  it("block_on gives the results", function()
    local task = ebb.spawn(function()
      local got
      sorted_with(function() got = ebb.block_on(math.max, 1, 2) end)
      return got
    end)
    assert.same({true, 2}, {task:join()})
  end)

  it("tasks can be spawned", function()
    local count = 0
    local task = ebb.spawn(function()
      sorted_with(function()
        ebb.spawn(function() count = count + 1 end)
        ebb.yield_now()
      end)
      return count
    end)
    local _, calls = dry_run(sorted_with)
    assert.same({true, calls}, {task:join()})
  end)

  it("an error that is raised after a wait reaches pcall", function()
    local task = ebb.spawn(function()
      return pcall(sorted_with, function()
        ebb.sleep(1)
        error("boom", 0)
      end)
    end)
    assert.same({true, false, "boom"}, {task:join()})
  end)

  it("an error that nobody catches is the task's panic", function()
    local task = ebb.spawn(sorted_with, function()
      ebb.sleep(1)
      error("boom", 0)
    end)
    local _, err = task:join()
    assert.equal("boom", err:into_panic())
  end)
end)

describe("a generator that waits", function()
  it("keeps the id of its task", function()
    local task = ebb.spawn(function()
      return coroutine.wrap(function()
        ebb.sleep(1)
        return ebb.id()
      end)()
    end)
    assert.same({true, task:id()}, {task:join()})
  end)

  it("raises its error in the consumer", function()
    local task = ebb.spawn(function()
      return pcall(coroutine.wrap(function()
        ebb.sleep(1)
        error("boom", 0)
      end))
    end)
    assert.same({true, false, "boom"}, {task:join()})
  end)

  it("may be handed to another task between two values", function()
    local numbers = coroutine.wrap(function()
      for n = 1, 4 do
        ebb.sleep(1)
        coroutine.yield(n)
      end
    end)
    local function take_two() return numbers(), numbers() end
    assert.same({1, 2}, {ebb.spawn(take_two):await()})
    assert.same({3, 4}, {ebb.spawn(take_two):await()})
  end)

  it("may be handed from a task to the main chunk", function()
    local numbers = coroutine.wrap(function()
      for n = 1, 2 do
        ebb.sleep(1)
        coroutine.yield(n)
      end
    end)
    assert.equal(1, ebb.spawn(numbers):await())
    assert.equal(2, numbers())
  end)

  it("cannot be resumed by another task meanwhile", function()
    local co = coroutine.create(function()
      ebb.sleep(1)
      return "end"
    end)
    local task = ebb.spawn(function() return coroutine.resume(co) end)
    settle()
    assert.is_false((coroutine.resume(co)))
    assert.same({true, true, "end"}, {task:join()})
  end)
end)

describe("a finalizer", function()
  local REFUSAL = "cannot wait inside a finalizer"

  -- Calls `wait` in a finalizer and returns the error.
  local function finalizer_error(wait)
    local err
    setmetatable({}, {__gc = function() err = select(2, pcall(wait)) end})
    collect()
    return tostring(err)
  end

  local WAITS = {
    ["yield now"] = ebb.yield_now,
    ["sleep"] = function() ebb.sleep(1) end,
    ["join"] = function() ebb.spawn(ebb.yield_now):join() end,
    ["join the next of a map"] = function()
      local map = ebb.JoinMap.new()
      map:spawn("key", ebb.yield_now)
      map:join_next()
    end,
    ["block on a task"] = function() ebb.block_on(ebb.yield_now) end,
  }

  for name, wait in pairs(WAITS) do
    it("cannot " .. name .. " in the main chunk", function()
      assert.matches(REFUSAL, finalizer_error(wait))
      settle()
    end)

    it("cannot " .. name .. " in a task", function()
      local task = ebb.spawn(finalizer_error, wait)
      assert.matches(REFUSAL, select(2, task:join()))
      settle()
    end)
  end

  it("cannot wait in a generator either", function()
    assert.matches(REFUSAL, finalizer_error(function()
      coroutine.wrap(ebb.yield_now)()
    end))
  end)

  it("cannot wait in a sort comparator either", function()
    assert.matches(REFUSAL, finalizer_error(function()
      table.sort({2, 1}, ebb.yield_now)
    end))
  end)

  it("cannot wait when it runs in a generator of a task", function()
    local task = ebb.spawn(function()
      return coroutine.wrap(finalizer_error)(ebb.yield_now)
    end)
    assert.matches(REFUSAL, select(2, task:join()))
  end)

  it("may spawn a task, which may wait", function()
    local done = false
    setmetatable({}, {__gc = function()
      ebb.spawn(function()
        ebb.sleep(1)
        done = true
      end)
    end})
    collect()
    ebb.sleep(2)
    assert.is_true(done)
  end)

  it("may abort a task", function()
    local task = ebb.spawn(ebb.sleep, 1000)
    settle()
    setmetatable({}, {__gc = function() task:abort() end})
    collect()
    local _, err = task:join()
    assert.is_true(err:is_cancelled())
  end)

  it("leaves the collector on", function()
    finalizer_error(ebb.yield_now)
    assert.is_true(collectgarbage("isrunning"))
    local weak = setmetatable({{}}, {__mode = "v"})
    collect()
    assert.is_nil(weak[1])
  end)
end)

-- Spawns `n` tasks that sleep in a sort comparator each, all at once, and
-- returns how many got sorted.
local function sort_in_tasks(n)
  local tasks, sorted = {}, 0
  for i = 1, n do
    tasks[i] = ebb.spawn(function()
      local list = {2, 1}
      table.sort(list, function(a, b) ebb.sleep(1) return a < b end)
      if list[1] == 1 then sorted = sorted + 1 end
    end)
  end
  for i = 1, n do assert(tasks[i]:join()) end
  return sorted
end

describe("many tasks", function()
  it("may wait in sort comparators at once", function()
    assert.equal(1000, sort_in_tasks(1000))
  end)

  it("may wait inside C calls at once, 30,000 of them #slow", function()
    assert.equal(30000, sort_in_tasks(30000))
  end)

  it("may wait at different depths of C calls at once", function()
    local function nested(depth)
      if depth == 0 then
        ebb.sleep(1)
        return "x"
      end
      return (("."):gsub(".", function() return nested(depth - 1) end))
    end
    local tasks = {}
    for depth = 0, 40 do tasks[depth] = ebb.spawn(nested, depth) end
    for depth = 0, 40 do
      assert.same({true, "x"}, {tasks[depth]:join()})
    end
  end)
end)

describe("a runaway recursion in a task", function()
  local function recurse() return 1 + recurse() end

  local function through_gsub()
    return (("x"):gsub(".", through_gsub))
  end

  local object = meta("__index", function(self, key)
    return self[key .. "x"]
  end)

  local function through_generators()
    return coroutine.wrap(through_generators)()
  end

  local function through_sort()
    table.sort({2, 1}, through_sort)
  end

  local RUNAWAYS = {
    ["in Lua"] = recurse,
    ["through string.gsub"] = through_gsub,
    ["through table.sort"] = through_sort,
    ["through an __index function"] = function() return object.key end,
    ["through nested generators"] = through_generators,
    ["through tostring"] = function()
      local self
      self = meta("__tostring", function() return tostring(self) end)
      return tostring(self)
    end,
  }

  for name, runaway in pairs(RUNAWAYS) do
    it(name .. " is an error", function()
      local ok, err = ebb.spawn(function() return runaway() end):join()
      assert.is_false(ok)
      assert.matches("overflow", tostring(err:into_panic()))
    end)

    it(name .. " can be caught, and the task goes on", function()
      local task = ebb.spawn(function()
        local ok = pcall(runaway)
        ebb.sleep(1)
        return ok, sorted_with(ebb.yield_now)
      end)
      assert.same({true, false, "123"}, {task:join()})
    end)
  end

  it("is an error also after a wait inside a C call", function()
    local ok, err = ebb.spawn(sorted_with, function()
      ebb.sleep(1)
      through_gsub()
    end):join()
    assert.is_false(ok)
    assert.matches("overflow", tostring(err:into_panic()))
  end)
end)

describe("the thread of a waiting task", function()
  -- Spawns a task that sleeps a second; returns its handle and its thread.
  local function spawn_sleeper(place)
    local thread
    local task = ebb.spawn(function()
      thread = coroutine.running()
      place(function() ebb.sleep(1) end)
      return "end"
    end)
    settle()
    return task, thread
  end

  local function directly(f) f() end

  for name, place in pairs {
    ["at its own level"] = directly,
    ["in a sort comparator"] = sorted_with,
    ["in a generator"] = function(f) coroutine.wrap(f)() end,
  } do
    it("is not harmed by a foreign resume, " .. name, function()
      local start = ebb.time.now()
      local task, thread = spawn_sleeper(place)
      for _ = 1, 3 do coroutine.resume(thread, "intruder") end
      assert.same({true, "end"}, {task:join()})
      assert.is_true(ebb.time.now() >= start + 1)
    end)

    it("is not harmed by a resume in another task, " .. name, function()
      local task, thread = spawn_sleeper(place)
      ebb.spawn(function() coroutine.resume(thread, "intruder") end):await()
      assert.same({true, "end"}, {task:join()})
    end)

    it("has a status, " .. name, function()
      local task, thread = spawn_sleeper(place)
      local status = coroutine.status(thread)
      assert.is_true(status == "suspended" or status == "normal")
      task:join()
    end)

    it("has a traceback, " .. name, function()
      local task, thread = spawn_sleeper(place)
      assert.matches("wait_anywhere_spec", debug.traceback(thread))
      task:join()
    end)

    it("may be closed by others without a crash, " .. name, function()
      local task, thread = spawn_sleeper(place)
      pcall(coroutine.close, thread)
      task:abort()
      assert.is_boolean((task:join()))
      assert.same({true, "123"}, {ebb.spawn(sorted_with, settle):join()})
    end)

    it("may be refused as the body of another task, " .. name, function()
      local task, thread = spawn_sleeper(place)
      pcall(ebb.spawn, thread)
      assert.same({true, "end"}, {task:join()})
    end)
  end

  it("is not the main thread", function()
    local task = ebb.spawn(coroutine.running)
    local _, thread, is_main = task:join()
    assert.not_equal(coroutine.running(), thread)
    assert.is_false(is_main)
  end)
end)

-- Spawns tasks enough to reuse every thread that is kept for reuse, and
-- tells whether one of them ran on `thread`.
local function is_reused(thread)
  local reused = false
  collect() -- a thread may be kept as long as a handle is
  local tasks = {}
  for i = 1, 2000 do
    tasks[i] = ebb.spawn(function()
      if coroutine.running() == thread then reused = true end
    end)
  end
  for i = 1, 2000 do tasks[i]:join() end
  return reused
end

describe("a thread that the script holds", function()
  it("is not used for another task when its task has ended", function()
    local _, thread = ebb.spawn(coroutine.running):join()
    assert.is_false(is_reused(thread))
    assert.equal("dead", coroutine.status(thread))
  end)

  it("is not used for another task when its task has panicked", function()
    local thread
    ebb.spawn(function()
      thread = coroutine.running()
      error "boom"
    end):join()
    assert.is_false(is_reused(thread))
    assert.equal("dead", coroutine.status(thread))
  end)

  it("is not used for another task when its task was aborted", function()
    local thread
    local task = ebb.spawn(function()
      thread = coroutine.running()
      sorted_with(function() ebb.sleep(1000) end)
    end)
    settle()
    task:abort()
    task:join()
    assert.is_false(is_reused(thread))
    assert.equal("dead", coroutine.status(thread))
  end)

  it("is not used for another task when it was given as a body", function()
    local body = coroutine.create(function() ebb.yield_now() end)
    ebb.spawn(body):join()
    assert.is_false(is_reused(body))
    assert.equal("dead", coroutine.status(body))
  end)

  it("is not used for another task when it came from a __close", function()
    local thread
    local task = ebb.spawn(function()
      local _ <close> = meta("__close", function()
        thread = coroutine.running()
      end)
      ebb.sleep(1000)
    end)
    settle()
    task:abort()
    task:join()
    assert.is_false(is_reused(thread))
  end)

  -- Stock Lua gives ebb no way to see a `running` that was taken before.
  it("is not used in the host when `running` was taken before ebb", function()
    local _, out = run([[
      local running = coroutine.running
      local ebb = require "ebb"
      local _, held = ebb.spawn(running):join()
      local reused = false
      for _ = 1, 1000 do
        ebb.spawn(function()
          if running() == held then reused = true end
        end):join()
      end
      print(reused, coroutine.status(held))
    ]], os.getenv "EBB_BUILD" .. "/ebb")
    assert.equal("false\tdead\n", out)
  end)
end)

describe("tasks that may use the thread of an ended one again", function()
  local function spawn_many(n, body, ...)
    local tasks = {}
    for i = 1, n do tasks[i] = ebb.spawn(body, ...) end
    return tasks
  end

  -- Spawns tasks enough to take all threads that are kept; returns what each
  -- of them gave.
  local function join_many(body, ...)
    collect() -- a thread may be kept as long as a handle is
    local tasks, results = spawn_many(2000, body, ...), {}
    for i, task in ipairs(tasks) do results[i] = table.pack(task:join()) end
    return results
  end

  local function abort_many_in(place)
    local tasks = spawn_many(30, place, function() ebb.sleep(1000) end)
    settle()
    for _, task in ipairs(tasks) do task:abort() end
    for _, task in ipairs(tasks) do task:join() end
  end

  for _, place in ipairs {"xpcall", "a message handler", "pcall"} do
    it("raise their own errors when it was aborted in " .. place, function()
      abort_many_in(PLACES[place])
      -- Nils stand where a forgotten message handler may be looked for.
      local function fail(...) error("boom", 0, ...) end
      for _, result in ipairs(join_many(fail, table.unpack({}, 1, 20))) do
        assert.equal("boom", result[2]:into_panic())
      end
    end)
  end

  it("can recurse as deep when it was aborted in C calls", function()
    local function depth_of(n)
      local ok, deeper = pcall(string.gsub, "x", ".", function()
        return tostring(depth_of(n + 1))
      end)
      return ok and tonumber(deeper) or n
    end
    local depth = ebb.spawn(depth_of, 0):await()
    abort_many_in(PLACES["a sort comparator inside a generator"])
    for _, result in ipairs(join_many(function() return depth_of(0) end)) do
      assert.equal(depth, result[2])
    end
  end)

  it("have no debug hook of it", function()
    local calls = 0
    ebb.spawn(function()
      debug.sethook(function() calls = calls + 1 end, "l")
    end):join()
    calls = 0
    for _, result in ipairs(join_many(debug.gethook)) do
      assert.is_nil(result[2])
    end
    assert.equal(0, calls)
  end)

  it("can have a debug hook when it was aborted in one", function()
    abort_many_in(PLACES["a debug hook"])
    local results = join_many(function()
      local lines = 0
      debug.sethook(function() lines = lines + 1 end, "l")
      local _ = lines
      debug.sethook()
      return lines
    end)
    for _, result in ipairs(results) do
      assert.is_true(result[2] > 0)
    end
  end)

  it("have no values of it", function()
    ebb.spawn(function() return 1, 2, 3 end):join()
    for _, result in ipairs(join_many(function(...) return ... end)) do
      assert.same({n = 1, true}, result)
    end
  end)
end)
