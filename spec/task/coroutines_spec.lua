-- The coroutine under a task: runaway recursion in it, what a script can do
-- with it, and its use by the next task.

local ebb = require "ebb"
local common = require "common"
local places = require "places"
local run = require "run"

local settle, collect = ebb.yield_now, common.collect
local PLACES, meta, sorted_with = places.ALL, places.meta, places.sorted_with

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

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
      assert.matches("coroutines_spec", debug.traceback(thread))
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
