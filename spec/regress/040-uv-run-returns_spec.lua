-- uv.run() returned before the callbacks of the loop's last turn had run,
-- which may start more; uv.stop() did not end it; "once" and "nowait" raised.

local ebb = require "ebb"
local uv = require "ebb.uv"

describe("uv.run of ebb.uv", function()
  local timer

  before_each(function() timer = uv.new_timer() end)
  after_each(function()
    timer:close()
    uv.run()
  end)

  it("returns after the callbacks of the last turn", function()
    local calls = 0
    uv.fs_stat("/", function()
      calls = calls + 1
      uv.fs_stat("/", function() calls = calls + 1 end)
    end)
    assert.is_false(uv.run())
    assert.equal(2, calls)
  end)

  it("returns after callbacks that wait", function()
    local done = false
    uv.fs_stat("/", function()
      for _ = 1, 10 do ebb.yield_now() end
      done = true
    end)
    assert.is_false(uv.run())
    assert.is_true(done)
  end)

  it("does not wait for the callback that calls it", function()
    local tx, rx = ebb.sync.oneshot()
    uv.fs_stat("/", function()
      tx:send {uv.run()}
    end)
    assert.same({false}, rx:recv())
  end)

  it("is ended by uv.stop", function()
    local calls = 0
    timer:start(1, 1, function()
      calls = calls + 1
      if calls == 3 then uv.stop() end
    end)
    assert.is_true(uv.run())
    assert.equal(3, calls)
  end)

  it("returns at once when uv.stop was called before", function()
    timer:start(1000000, 0, error)
    uv.stop()
    assert.is_true(uv.run())
  end)

  it("waits for one event with \"once\"", function()
    local calls = 0
    timer:start(1, 0, function() calls = calls + 1 end)
    assert.is_false(uv.run "once")
    assert.equal(1, calls)
    assert.is_false(uv.run "once")
  end)

  it("waits for nothing with \"nowait\", but turns the loop", function()
    local calls = 0
    timer:start(1000000, 0, error)
    local other = uv.new_timer()
    other:start(0, 0, function() calls = calls + 1 end)
    assert.is_true(uv.run "nowait")
    assert.equal(1, calls)
    other:close()
  end)

  it("shows its mode to callbacks", function()
    local mode
    assert.is_nil(uv.loop_mode())
    timer:start(0, 0, function() mode = uv.loop_mode() end)
    uv.run()
    assert.equal("default", mode)
    assert.is_nil(uv.loop_mode())
  end)
end)
