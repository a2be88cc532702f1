-- A task of a map that nothing else refers to ran a collection inside a
-- generator. The collector does not see the task's own thread then: it ran
-- the finalizers of what lies on its stack, and forgot the map's anchors.

local run = require "run"

local function assert_prints(expected, code)
  local status, out, err = run([[
    local ebb = require "ebb"
    ebb.time.pause()
    local function collect_in_generator()
      coroutine.wrap(function() collectgarbage() collectgarbage() end)()
    end
  ]] .. code)
  assert.equal("", err)
  assert.equal(expected, out)
  assert.equal(0, status)
end

describe("a collection in a generator of a map's own task", function()
  it("leaves the task its file", function()
    assert_prints("true\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local file = io.tmpfile()
          collect_in_generator()
          print((pcall(file.write, file, "text")))
          return map
        end)
      end
      ebb.sleep(1)
    ]])
  end)

  it("leaves the task its handles", function()
    assert_prints("true\t42\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local handle = ebb.spawn(function() return 42 end)
          collect_in_generator()
          print(handle:join())
          return map
        end)
      end
      ebb.sleep(1)
    ]])
  end)

  it("leaves weak tables alone", function()
    assert_prints("true\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local object = {}
          local weak = setmetatable({object}, {__mode = "v"})
          collect_in_generator()
          print(weak[1] == object)
          return map
        end)
      end
      ebb.sleep(1)
    ]])
  end)

  it("leaves the map its keys", function()
    assert_prints("key\ninner\tinner\ttrue\t7\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          collect_in_generator()
          map:spawn("inner", function() return 7 end)
          local keys = {}
          for key in map:keys() do keys[#keys + 1] = tostring(key) end
          table.sort(keys, function(a, b) return a > b end)
          print(table.concat(keys, "\n"), map:join_next())
        end)
      end
      ebb.sleep(1)
    ]])
  end)

  it("leaves results whose task's thread is known to scripts", function()
    assert_prints("2\ttrue\tresult\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn(1, function()
          map:spawn(2, function()
            local thread = coroutine.running()
            ebb.sleep(1)
            return {"result"}
          end)
          collect_in_generator()
          ebb.sleep(2)
          collectgarbage()
          collectgarbage()
          local threads = {}
          for i = 1, 1000 do threads[i] = coroutine.create(print) end
          local key, ok, value = map:join_next()
          print(key, ok, value[1])
        end)
      end
      ebb.sleep(5)
    ]])
  end)
end)
