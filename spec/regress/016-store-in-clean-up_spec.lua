-- The running task's thread was pushed to the store after a wait in a
-- clean-up, and never popped: the store's stack overflowed. Before such a wait
-- it was not there, and a collection in a generator did what 003 says.

local run = require "run"

local function assert_prints(expected, code)
  local status, out, err = run([[
    local ebb = require "ebb"
    ebb.time.pause()
    local function closer(f) return setmetatable({}, {__close = f}) end
  ]] .. code)
  assert.equal("", err)
  assert.equal(expected, out)
  assert.equal(0, status)
end

describe("the clean-up of a map's tasks", function()
  for name, finish in pairs {
    ["when they are aborted"] = "ebb.sleep(1e6)",
    ["when they panic"] = "error 'boom'",
  } do
    it("may wait a thousand times, " .. name, function()
      assert_prints("1000\n", [[
        local map, cleaned = ebb.JoinMap.new(), 0
        for key = 1, 1000 do
          map:spawn(key, function()
            local _ <close> = closer(function()
              ebb.sleep(1)
              cleaned = cleaned + 1
            end)
            ]] .. finish .. [[

          end)
        end
        ebb.yield_now()
        map:shutdown()
        print(cleaned)
        for key = 1, 100 do map:spawn(key, ebb.sleep, key) end
        while map:join_next() do end
      ]])
    end)

    it("may collect in a generator, " .. name, function()
      assert_prints("true\ttrue\t42\n", [[
        do
          local map = ebb.JoinMap.new()
          map:spawn("key", function()
            local file = io.tmpfile()
            local handle = ebb.spawn(function() return 42 end)
            local _ <close> = closer(function()
              coroutine.wrap(function()
                collectgarbage()
                collectgarbage()
              end)()
              print((pcall(file.write, file, "text")), handle:join())
              return map
            end)
            ]] .. finish .. [[

          end)
          ebb.set_unhandled(function() end)
          ebb.yield_now()
          map:abort("key")
        end
        ebb.sleep(10)
      ]])
    end)
  end
end)
