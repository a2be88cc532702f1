-- `time.advance(1e300)` set the clock to a time that never comes and slept
-- until then: "deadlock", and from there on every sleep was for ever.

local ebb = require "ebb"
local common = require "common"

describe("advance by more than the clock can count", function()
  before_each(function() ebb.time.pause() end)
  after_each(function() ebb.time.resume() end)

  for _, seconds in ipairs {1e300, math.huge, 9.2e9, math.maxinteger} do
    it("names the argument, for " .. seconds, function()
      local before = ebb.time.now()
      assert.matches("bad argument #1 to 'advance'",
        common.error_of(function() ebb.time.advance(seconds) end), 1, true)
      assert.equal(before, ebb.time.now())
      ebb.time.advance(1)
      ebb.sleep(1)
      assert.is_true(ebb.time.now() >= before + 2)
    end)
  end

  it("happens in no number of steps", function()
    local before = ebb.time.now()
    local ok
    repeat ok = pcall(ebb.time.advance, 4e9) until not ok
    assert.is_true(ebb.time.now() > before + 7.9e9)
    ebb.sleep(1)
  end)
end)
