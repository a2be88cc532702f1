-- An abort that came while a panicked task was still closing its variables
-- changed nothing about its result, but took the traceback away.

local ebb = require "ebb"

describe("an abort of a task that has panicked and still cleans up", function()
  before_each(function() ebb.time.pause() end)
  after_each(function() ebb.time.resume() end)

  for name, reason in pairs {["without a reason"] = false,
                             ["with a reason"] = "why"} do
    it("leaves the panic its traceback, " .. name, function()
      local task = ebb.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          ebb.sleep(1)
        end})
        error "boom"
      end)
      ebb.yield_now()
      task:abort(reason or nil)
      local ok, err = task:join()
      assert.is_false(ok)
      assert.is_true(err:is_panic())
      assert.matches("stack traceback", err:traceback() or "")
    end)
  end
end)
