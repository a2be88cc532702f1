-- What a coroutine of a cqueues controller yields to the one that resumed the
-- controller's loop was lost, and so were the values that it was resumed with.

local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {cqueues = "lua-cqueues"}
if missing then return pending("ebb.cqueues " .. missing) end

programs.use_older_modules()
local cqueues = require "ebb.cqueues"

-- A loop in a generator, whose controller runs the functions.
local function loop_of(...)
  local controller = cqueues.new()
  for _, f in ipairs {...} do controller:wrap(f) end
  return coroutine.wrap(function() return "over", controller:loop() end)
end

describe("a coroutine of a controller", function()
  before_each(ebb.time.pause)
  after_each(ebb.time.resume)

  it("yields to the one that resumed the loop", function()
    local got
    local resume = loop_of(function()
      cqueues.sleep(0)
      got = table.pack(coroutine.yield(1, nil, 3))
      coroutine.yield "again"
    end)
    assert.same({1, nil, 3, n = 3}, table.pack(resume()))
    assert.equal("again", resume("a", nil))
    assert.same({"a", nil, n = 2}, got)
    assert.same({"over", true}, {resume()})
  end)

  it("leaves other controllers to run while it has yielded", function()
    local resume = loop_of(function() coroutine.yield "first" end)
    assert.equal("first", resume())
    assert.is_nil(cqueues.running())
    assert.equal("second", loop_of(function() coroutine.yield "second" end)())
    assert.same({"over", true}, {resume()})
  end)

  it("may be resumed by another task than began the step", function()
    local resume = loop_of(function()
      ebb.yield_now()
      coroutine.yield(1)
      ebb.yield_now()
      return coroutine.yield(2)
    end)
    for i = 1, 2 do assert.equal(i, ebb.spawn(resume):await()) end
    assert.same({"over", true}, {ebb.spawn(resume):await()})
  end)

  it("gives way with a yield when the loop is a task's own", function()
    local steps = 0
    local controller = cqueues.new()
    controller:wrap(function()
      for _ = 1, 3 do
        coroutine.yield "nobody's"
        steps = steps + 1
      end
    end)
    assert.is_true(ebb.spawn(controller.loop, controller):await())
    assert.equal(3, steps)
  end)

  it("that fails after a yield ends the loop with its error", function()
    local resume = loop_of(function()
      coroutine.yield()
      error("broken", 0)
    end)
    resume()
    local over, ok, message = resume()
    assert.same({"over", false, "broken"}, {over, ok, message})
  end)
end)
