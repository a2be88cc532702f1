-- A task whose thread another one was closing looked every millisecond whether
-- that was over: no deadlock was ever reported, and virtual time ran away. The
-- end of a Runtime ran the finalizers of what its tasks held before their
-- clean-up. A traceback read a task that pushing its name had freed.

local ebb = require "ebb"
local common = require "common"

describe("a task whose thread is closed by another", function()
  before_each(function() ebb.time.pause() end)
  after_each(function() ebb.time.resume() end)

  -- Returns the Notify that the clean-up of a closed thread waits for.
  local function close_from_another_task()
    local co
    local notify = ebb.sync.Notify.new()
    ebb.spawn(function()
      co = coroutine.running()
      local _ <close> = common.closer(function() notify:notified() end)
      ebb.sleep(1e6)
    end)
    local closer = ebb.spawn(function()
      ebb.yield_now()
      coroutine.close(co)
    end)
    return notify, closer
  end

  it("waits without looking: what never ends is a deadlock", function()
    local notify, closer = close_from_another_task()
    local before = ebb.time.now()
    local ok, err = pcall(closer.join, closer)
    assert.is_false(ok)
    assert.matches("deadlock", err)
    assert.is_true(ebb.time.now() - before < 2e6)
    notify:notify_one()
    assert.is_true((closer:join()))
  end)

  it("ends when the call that closes it has ended", function()
    local notify, closer = close_from_another_task()
    ebb.sleep(1)
    notify:notify_one()
    assert.is_true((closer:join()))
    ebb.sleep(2e6)
    for _, task in ipairs(ebb.tasks()) do
      assert.not_equal("another's coroutine.resume", task.waiting_for)
    end
  end)
end)

describe("the end of a Runtime", function()
  it("runs clean-ups before finalizers", function()
    local rt <close> = ebb.Runtime.new()
    local name = os.tmpname()
    rt:handle():spawn(function(path)
      local file = assert(io.open(path, "w"))
      local _ <close> = setmetatable({}, {__close = function()
        file:write("bye")
      end})
      file:write("hello ")
      require "ebb".yield_now()
      require "ebb".sleep(1e9)
    end, name)
    -- A task that comes after: the first has begun then.
    rt:handle():spawn(function() end):join()
    assert.is_true(rt:shutdown())
    local file <close> = assert(io.open(name))
    os.remove(name)
    assert.equal("hello bye", file:read "a")
  end)
end)

describe("ebb.traceback", function()
  it("of a task that a collection frees gives nil", function()
    collectgarbage("incremental", 100, 1000, 40)
    for round = 1, 20 do
      local function finished()
        local handle = ebb.spawn(function() end)
        ebb.yield_now()
        return handle:id()
      end
      local id = finished()
      local debt = {}
      for i = 1, 3000 * round do debt[i] = true end
      assert.is_nil(ebb.traceback(id))
    end
    collectgarbage("generational")
  end)
end)
