-- What holds a "\0" was shown only up to there: keys of maps, in tostring and
-- in the list of a deadlock; names of tasks and of task-local values; fields
-- that cannot be sent to another thread. A key that is `true` was shown as
-- "boolean: (nil)".

local ebb = require "ebb"
local common = require "common"

local ODD <const> = "a\0b\0"

local function shown(pattern) return (pattern:gsub("ODD", ODD)) end

local function deadlock(map)
  local err = common.error_of(map.join_next, map)
  map:abort_all()
  while map:join_next() do end
  return err
end

describe("what holds zeros is shown whole:", function()
  before_each(ebb.time.pause)
  after_each(ebb.time.resume)

  it("the key of a map", function()
    local map <close> = ebb.JoinMap.new()
    local id = map:spawn(ODD, common.nothing)
    assert.equal(shown 'JoinMap{"ODD": ' .. id .. "}", tostring(map))
  end)

  it("a key that shows itself", function()
    local map <close> = ebb.JoinMap.new()
    local key = setmetatable({}, {__tostring = function() return ODD end})
    local id = map:spawn(key, common.nothing)
    assert.equal(shown "JoinMap{ODD: " .. id .. "}", tostring(map))
  end)

  it("the key and the name of a task in a deadlock", function()
    local map <close> = ebb.JoinMap.new()
    local waits = ebb.sync.Notify.new()
    map:build_task():name(ODD):spawn(ODD, waits.notified, waits)
    map:spawn(true, waits.notified, waits)
    map:spawn(2.5, waits.notified, waits)
    local err = deadlock(map)
    assert.matches(shown ' "ODD" (key "ODD") waits for ', err, 1, true)
    assert.matches(" (key true) waits for ", err, 1, true)
    assert.matches(" (key 2.5) waits for ", err, 1, true)
  end)

  it("the name of a task in its traceback", function()
    local task = ebb.Builder.new():name(ODD):spawn(common.forever)
    ebb.yield_now()
    local trace = ebb.traceback(task:id())
    assert.equal(shown "ODD\nstack traceback:\n",
                 trace:sub(1, #(ODD .. "\nstack traceback:\n")))
    task:abort()
  end)

  it("the name of a task-local value", function()
    local key = ebb.task_local(ODD)
    assert.equal(shown "LocalKey(ODD)", tostring(key))
    assert.equal(shown "task-local 'ODD' is not set",
                 tostring(select(2, key:try_get())))
    assert.matches(shown "task-local 'ODD' is not set: call this inside",
                   common.error_of(function() key:get() end), 1, true)
  end)

  it("a field that cannot be sent", function()
    local err = common.error_of(ebb.spawn_blocking, common.nothing,
                                {[ODD] = coroutine.create(common.nothing)})
    assert.matches(shown "cannot send a thread (field 'ODD')", err, 1, true)
  end)
end)
