-- The names of tasks, and where they show.

local ebb = require "ebb"
local common = require "common"
local run = require "run"
local Builder, JoinMap, JoinSet = ebb.Builder, ebb.JoinMap, ebb.JoinSet

local settle = ebb.yield_now

local nothing = common.nothing
local collect, error_of = common.collect, common.error_of

local function name_of(id) return common.entry(id).name end

-- New for each test; `MAKERS` has what makes a builder.
local map, set

before_each(function()
  ebb.time.pause()
  map, set = JoinMap.new(), JoinSet.new()
end)

after_each(function()
  map:shutdown()
  set:shutdown()
  ebb.time.resume()
end)

describe("name", function()
  it("returns the builder itself", function()
    local builder = Builder.new()
    assert.is_true(rawequal(builder, builder:name("crawler")))
  end)

  for kind, value in pairs {
    ["nil"] = false, ["a number"] = 42, ["a table"] = {},
    ["a boolean"] = true,
  } do
    it("is an argument error when it is " .. kind, function()
      assert.matches("bad argument #1 to 'name'", error_of(function()
        Builder.new():name(value or nil)
      end), 1, true)
    end)
  end

  it("may be any string", function()
    for _, name in ipairs {"", "a\0b", ("long "):rep(1000), "\"\n%s"} do
      local task = Builder.new():name(name):spawn(nothing)
      assert.equal(name, name_of(task:id()))
      task:join()
    end
  end)

  it("stays with a task that waits, finishes, and is not joined", function()
    local task = Builder.new():name("crawler"):spawn(ebb.sleep, 1)
    settle()
    collect()
    assert.equal("crawler", name_of(task:id()))
    ebb.sleep(2)
    assert.equal("crawler", name_of(task:id()))
    task:join()
  end)

  it("stays with a task that is detached from its set", function()
    local id = set:build_task():name("crawler"):spawn(ebb.sleep, 1):id()
    set:detach_all()
    assert.equal("crawler", name_of(id))
    ebb.sleep(2)
  end)

  it("is forgotten with the task", function()
    local builder = Builder.new()
    collect()
    local before = collectgarbage "count"
    for i = 1, 1000 do
      builder:name(("%d "):format(i):rep(2000)):spawn(nothing):join()
    end
    collect() -- of about 10 MB
    assert.is_true(collectgarbage "count" - before < 3000)
  end)

  it("is not in the JoinError as text", function()
    local task = Builder.new():name("crawler"):spawn(error, "boom", 0)
    local _, err = task:join()
    local expected = 'task %d panicked with message "boom"'
    assert.equal(expected:format(task:id()), tostring(err))
  end)
end)

describe("a task that a finalizer spawns", function()
  it("does not get the name of the builder that is at work", function()
    local spawned, builder = {}, set:build_task():name("crawler")
    local mt = {__gc = function()
      spawned[#spawned + 1] = ebb.spawn(nothing)
    end}
    for _ = 1, 100 do
      for _ = 1, 50 do setmetatable({}, mt) end
      for _ = 1, 50 do builder:spawn(nothing) end
    end
    collect()
    local names = {}
    for _, task in ipairs(ebb.tasks()) do names[task.id] = task.name end
    assert.equal(5000, #spawned)
    for _, task in ipairs(spawned) do assert.is_nil(names[task:id()]) end
    settle()
  end)
end)

-- Prints the message of a deadlock in which `task` waits.
local DEADLOCK = [[
  local ebb = require "ebb"
  local map, set = ebb.JoinMap.new(), ebb.JoinSet.new()
  local function stuck() ebb.sleep(math.huge) end
  %s
  print(select(2, pcall(ebb.sleep, math.huge)))
]]

describe("the message of a deadlock", function()
  it("shows the name after the id", function()
    local _, out = run(DEADLOCK:format [[
      local task = ebb.Builder.new():name("crawler"):spawn(stuck)
    ]])
    assert.matches('\n  task %d+ "crawler" waits for sleep', out)
  end)

  it("shows the name of a task in a set, without a key", function()
    local _, out = run(DEADLOCK:format [[
      set:build_task():name("crawler"):spawn(stuck)
    ]])
    assert.matches('\n  task %d+ "crawler" waits for sleep', out)
  end)

  it("shows the name before the key of a task in a map", function()
    local _, out = run(DEADLOCK:format [[
      map:build_task():name("crawler"):spawn("page", stuck)
    ]])
    assert.matches('\n  task %d+ "crawler" .-"page".- waits for sleep', out)
  end)

  it("shows no name where there is none", function()
    local _, out = run(DEADLOCK:format [[
      local task = ebb.Builder.new():spawn(stuck)
      set:spawn(stuck)
    ]])
    assert.matches('\n  task %d+ waits for sleep\n  task %d+ waits', out)
  end)

  it("shows an empty name, too", function()
    local _, out = run(DEADLOCK:format [[
      local task = ebb.Builder.new():name(""):spawn(stuck)
    ]])
    assert.matches('\n  task %d+ "" waits for sleep', out)
  end)
end)

describe("the report of a panic that nobody can join", function()
  local PANIC = [[
    local ebb = require "ebb"
    local map, set = ebb.JoinMap.new(), ebb.JoinSet.new()
    local function culprit() error("boom", 0) end
    %s
    map:detach_all()
    set:detach_all()
    ebb.yield_now()
    collectgarbage()
    collectgarbage()
  ]]
  local HEAD = '^ebb: task %d+ panicked with message "boom"\n'

  for what, code in pairs {
    ["its own"] = [[ebb.Builder.new():name("crawler"):spawn(culprit)]],
    ["a map's"] = [[map:build_task():name("crawler"):spawn(1, culprit)]],
    ["a set's"] = [[set:build_task():name("crawler"):spawn(culprit)]],
  } do
    it("has the name before the traceback: " .. what, function()
      local _, _, err = run(PANIC:format(code))
      assert.matches(HEAD .. "  name: crawler\nstack traceback:\n", err)
    end)
  end

  it("has no such line when there is no name", function()
    local _, _, err = run(PANIC:format "ebb.Builder.new():spawn(culprit)")
    assert.matches(HEAD .. "stack traceback:\n", err)
  end)
end)
