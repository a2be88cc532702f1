-- A task that had left its map unfinished (detached, or in its clean-up after
-- <close> or a replacement) was kept from the collector by the map's anchor
-- table alone. With the map went the finalizable values on the task's stack:
-- its files were closed, its handles and maps collected, under its feet.

local run = require "run"

local function assert_prints(expected, code)
  local status, out, err = run([[
    local ebb = require "ebb"
    ebb.time.pause()
    local function collect() collectgarbage() collectgarbage() end
  ]] .. code)
  assert.equal("", err)
  assert.equal(expected, out)
  assert.equal(0, status)
end

describe("a task whose map is collected later", function()
  for _, how in ipairs {"map:detach_all()", "map:detach('key')"} do
    it("keeps its file after " .. how, function()
      assert_prints("true\n", [[
        do
          local map = ebb.JoinMap.new()
          map:spawn("key", function()
            local file = io.tmpfile()
            ebb.sleep(1)
            print((pcall(file.write, file, "text")))
          end)
          ebb.yield_now()
          ]] .. how .. [[

        end
        collect()
        ebb.sleep(2)
      ]])
    end)
  end

  it("keeps the handle that it waits for after detach_all", function()
    assert_prints("true\t42\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local handle = ebb.spawn(function() ebb.sleep(1) return 42 end)
          print(handle:join())
        end)
        ebb.yield_now()
        map:detach_all()
      end
      collect()
      ebb.sleep(2)
    ]])
  end)

  it("keeps its file through its clean-up after <close>", function()
    assert_prints("true\n", [[
      do
        local map <close> = ebb.JoinMap.new()
        map:spawn("key", function()
          local file = io.tmpfile()
          local _ <close> = setmetatable({}, {__close = function()
            ebb.sleep(1)
            print((pcall(file.write, file, "text")))
          end})
          ebb.sleep(1e6)
        end)
        ebb.yield_now()
      end
      ebb.yield_now()
      collect()
      ebb.sleep(2)
    ]])
  end)

  it("keeps its file through its clean-up after it was replaced", function()
    assert_prints("true\n", [[
      do
        local map = ebb.JoinMap.new()
        map:spawn("key", function()
          local file = io.tmpfile()
          local _ <close> = setmetatable({}, {__close = function()
            ebb.sleep(1)
            print((pcall(file.write, file, "text")))
          end})
          ebb.sleep(1e6)
        end)
        ebb.yield_now()
        map:spawn("key", function() end)
        map:join_next()
      end
      collect()
      ebb.sleep(2)
    ]])
  end)
end)
