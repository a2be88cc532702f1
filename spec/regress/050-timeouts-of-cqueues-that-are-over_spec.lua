-- Negative timeouts, which cqueues takes for such as are over, raised an
-- argument error of ebb.io.wait.

local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {cqueues = "lua-cqueues"}
if missing then return pending("ebb.cqueues " .. missing) end

programs.use_older_modules()
local cqueues = require "ebb.cqueues"
local condition = require "cqueues.condition"
local socket = require "cqueues.socket"

local timeouts <const> = {-1, -0.001, -1e300}

describe("a timeout that is over", function()
  before_each(ebb.time.pause)
  after_each(ebb.time.resume)

  for _, timeout in ipairs(timeouts) do
    local name = "of " .. timeout .. " "

    it(name .. "is the result of a poll for a socket", function()
      local a, b = socket.pair()
      a:settimeout(1000)
      assert.equal(timeout, cqueues.poll(a, timeout))
      a:close()
      b:close()
    end)

    it(name .. "ends a poll for an object whose own time is over", function()
      local object = {timeout = function() return timeout end}
      assert.equal(object, cqueues.poll(object, 1000))
      local fd = {pollfd = function() return 0 end, events = function() end,
                  timeout = function() return timeout end}
      assert.equal(fd, cqueues.poll(fd, 1000))
    end)

    it(name .. "ends a sleep, and a wait for a condition", function()
      cqueues.sleep(timeout)
      assert.equal(timeout, cqueues.poll(timeout))
      assert.is_false((condition.new():wait(timeout)))
    end)

    it(name .. "lets a controller take one step without waiting", function()
      local controller = cqueues.new()
      controller:wrap(function() cqueues.sleep(1000) end)
      local before = ebb.time.now()
      assert.is_true(controller:step(timeout))
      assert.is_true(controller:loop(timeout))
      assert.is_nil(controller:errors(timeout)())
      assert.equal(before, ebb.time.now())
      assert.equal(1, controller:count())
    end)
  end

  it("of an infinity or nan never is", function()
    for _, timeout in ipairs {math.huge, -math.huge, 0 / 0} do
      local a, b = socket.pair()
      local object = {pollfd = function() return a:pollfd() end,
                      events = function() return "r" end}
      local task = ebb.spawn(cqueues.poll, object, timeout)
      ebb.sleep(1e6)
      assert.is_false(task:is_finished())
      b:write "x"
      b:flush()
      assert.equal(object, task:await())
      a:close()
      b:close()
    end
  end)
end)
