-- After a `require` had failed in a coroutine that nobody closes, the next one
-- of the same module said "circular require", until the collector came.

local ebb = require "ebb"

-- Calls f in a coroutine, and leaves that as its error does.
local function left(f)
  local co = coroutine.create(f)
  assert.is_false((coroutine.resume(co)))
  return co
end

describe("a require that has failed in a coroutine", function()
  local runs

  before_each(function()
    ebb.time.pause()
    collectgarbage "stop"
    runs = 0
    package.preload.module = function()
      runs = runs + 1
      if runs == 1 then ebb.sleep(1) error "expected" end
      return {}
    end
  end)

  after_each(function()
    package.preload.module, package.loaded.module = nil, nil
    collectgarbage "restart"
    ebb.time.resume()
  end)

  local function load() return require "module" end

  it("is tried anew by the same task", function()
    local co = left(load)
    assert.is_table(load())
    assert.equal("dead", coroutine.status(co))
  end)

  it("is tried anew by another task", function()
    local co = left(load)
    assert.is_table(ebb.spawn(load):await())
    assert.equal("dead", coroutine.status(co))
  end)

  it("keeps nobody waiting who has come meanwhile", function()
    local co
    local first = ebb.spawn(function() co = left(load) end)
    ebb.yield_now()
    local second, third = ebb.spawn(load), nil
    first:await()
    third = ebb.spawn(load)
    assert.equal(third:await(), second:await())
    assert.equal(2, runs)
    assert.equal("dead", coroutine.status(co))
  end)
end)
