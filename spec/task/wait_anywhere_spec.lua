-- A task may wait wherever Lua code can run, and so may the main chunk: in
-- callbacks of C functions, metamethods, generators, module bodies.

local ebb = require "ebb"
local places = require "places"

local PLACES, dry_run = places.ALL, places.dry_run

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
