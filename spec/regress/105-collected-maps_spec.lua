-- Tasks were kept from the collector by their map. So what lay on the stack of
-- a task was finalized before its clean-up ran, once the map was garbage: a
-- mutex was unlocked while the clean-up still relied on it. A map that the
-- report of a panic had spawned into while it was collected was freed under
-- its new task. And a call whose clean-ups ended in a deadlock kept its
-- branches for ever.

local ebb = require "ebb"
local common = require "common"

describe("a map that is collected", function()
  before_each(function() ebb.time.pause() end)
  after_each(function()
    ebb.set_unhandled(nil)
    ebb.time.resume()
  end)

  it("lets no guard of its tasks go before their clean-up", function()
    local mutex, inside, most = ebb.sync.Mutex.new(), 0, 0
    local function enter()
      inside = inside + 1
      most = math.max(most, inside)
    end
    do
      local map = ebb.JoinMap.new()
      map:spawn(1, function()
        local guard <close> = mutex:lock()
        enter()
        local _ <close> = common.closer(function()
          ebb.sleep(1)
          inside = inside - 1
        end)
        ebb.sleep(1e6)
      end)
      ebb.sleep(1)
    end
    common.collect()
    local guard <close> = mutex:lock()
    enter()
    assert.same({1, 1}, {inside, most})
  end)

  it("may be spawned into by the report of a panic of its own", function()
    local reports, ran = 0, false
    ebb.set_unhandled(function(err)
      reports = reports + 1
      local job = err:into_panic()
      job.map:spawn(job.key, job.run)
    end)
    do
      local job = {map = ebb.JoinMap.new(), key = 1,
                   run = function() ran = true end}
      job.map:spawn(job.key, function() error(setmetatable({}, {
        __index = job})) end)
      ebb.sleep(0)
      job.map:detach_all()
      job.map:shutdown()
    end
    common.collect()
    ebb.sleep(1)
    assert.same({1, false}, {reports, ran})
  end)
end)

describe("a call of the main chunk that ends in a deadlock", function()
  it("keeps none of its branches once they have ended", function()
    ebb.time.pause()
    local tx, rx = ebb.sync.channel()
    local ok = pcall(ebb.block_on, function()
      local _ <close> = common.closer(function() rx:recv() end)
      rx:recv()
    end)
    assert.is_false(ok)
    local before = #ebb.tasks()
    tx:send(1)
    ebb.sleep(1)
    assert.equal(before - 1, #ebb.tasks())
    ebb.time.resume()
  end)
end)
