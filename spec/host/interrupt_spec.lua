-- Ctrl-C. The script sends SIGINT to itself, through a shell whose parent it
-- is; io.popen, unlike os.execute, leaves the signal to us meanwhile.

local run = require "run"

local HOST = os.getenv "EBB_BUILD" .. "/ebb"

local PRELUDE = [[
  local ebb = require "ebb"
  local function closer(text)
    return setmetatable({}, {__close = function() print(text) end})
  end
  local function interrupt() io.popen("kill -INT $PPID"):close() end
  local main <close> = closer "main closed"
  ebb.spawn(function()
    local _ <close> = closer "task closed"
    ebb.sleep(math.huge)
  end)
  ebb.yield_now()
]]

describe("Ctrl-C in the host", function()
  local function interrupted(code)
    local status, out, err = run(PRELUDE .. code .. " ; print 'no'", HOST)
    assert.same({130, "task closed\nmain closed\n", ""}, {status, out, err})
  end

  it("ends a main chunk that runs", function()
    interrupted "interrupt()"
  end)

  it("ends a main chunk that runs for ever", function()
    interrupted "interrupt() repeat until false"
  end)

  it("is not noticed by pcall", function()
    interrupted "pcall(function() interrupt() repeat until false end)"
  end)

  it("ends a main chunk that waits", function()
    interrupted "ebb.spawn(interrupt) ebb.sleep(math.huge)"
  end)

  it("ends a main chunk that waits while tasks are always ready", function()
    interrupted [[
      ebb.spawn(function()
        interrupt()
        while true do ebb.yield_now() end
      end)
      ebb.sleep(math.huge)
    ]]
  end)

  it("ends a task that never waits, and closes its variables", function()
    local status, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer "runner closed"
        interrupt()
        while true do end
      end)
      ebb.sleep(math.huge)
    ]], HOST)
    assert.equal(130, status)
    assert.equal("runner closed\ntask closed\nmain closed\n", out)
  end)

  it("lets the clean-up wait", function()
    local status, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          ebb.sleep(0.001)
          print "waited"
        end})
        ebb.sleep(math.huge)
      end)
      ebb.yield_now()
      interrupt()
    ]], HOST)
    assert.equal(130, status)
    assert.equal("task closed\nwaited\nmain closed\n", out)
  end)

  it("ends the process at once the second time", function()
    local status, out = run(PRELUDE .. [[
      local stuck <close> = setmetatable({}, {__close = function()
        interrupt()
        while true do end
      end})
      interrupt()
    ]], HOST)
    assert.is_true(status == 130)
    assert.equal("task closed\n", out)
  end)
end)
