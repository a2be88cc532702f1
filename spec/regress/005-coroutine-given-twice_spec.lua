-- That a coroutine is not yet a task was checked before the user's hasher
-- ran, which could make it one, or run it: two tasks had one thread.

local run = require "run"

local function assert_survives(code)
  local status, out, err = run([[
    local ebb = require "ebb"
    local co = coroutine.create(function() coroutine.yield() end)
    local function map_hashed_by(hash)
      return ebb.JoinMap.with_hasher {hash = hash, equal = rawequal}
    end
  ]] .. code .. [[
    print "survived"
  ]])
  assert.equal("", err)
  assert.equal("survived\n", out)
  assert.equal(0, status)
end

describe("a coroutine that is given as a body", function()
  it("may be given to another task by the hasher meanwhile", function()
    assert_survives [[
      local handle
      local map = map_hashed_by(function()
        handle = handle or ebb.spawn(co)
        return 1
      end)
      pcall(map.spawn, map, "key", co)
      map:join_next()
      handle:join()
    ]]
  end)

  it("may be running when the hasher has waited", function()
    assert_survives [[
      ebb.time.pause()
      local map = map_hashed_by(function()
        ebb.sleep(1)
        return 1
      end)
      local runner
      local sleeper = coroutine.create(function() ebb.sleep(10) end)
      ebb.spawn(function()
        runner = ebb.spawn(function() coroutine.resume(sleeper) end)
      end)
      local ok = pcall(map.spawn, map, "key", sleeper, 1, 2, 3)
      assert(not ok, "a running coroutine was taken as a body")
    ]]
  end)
end)
