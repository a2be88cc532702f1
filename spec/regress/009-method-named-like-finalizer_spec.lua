-- With the collector stopped, a method whose name begins with g was taken for
-- a finalizer, in which waiting is refused.

local ebb = require "ebb"

describe("waiting while the collector is stopped", function()
  before_each(function()
    ebb.time.pause()
    collectgarbage("stop")
  end)

  after_each(function()
    collectgarbage("restart")
    ebb.time.resume()
  end)

  for _, name in ipairs {"get", "go", "gc", "__gc"} do
    it("works in a method named " .. name, function()
      local object = {}
      object[name] = function()
        ebb.sleep(1)
        return "done"
      end
      local call = load("local o = ... local r = o:" .. name ..
        "() return r")
      assert.equal("done", call(object))
    end)
  end
end)
