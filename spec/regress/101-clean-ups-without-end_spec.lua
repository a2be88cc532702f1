-- A clean-up that never ended kept the program from ending, without a word.
-- set_shutdown_timeout bounds clean-ups too; what is stuck is named, and left.

local ebb = require "ebb"
local gate = require "gate"
local run = require "run"

-- `stuck(how, spawn)` is a task whose clean-up never ends, `orderly()`
-- one whose clean-up takes three turns.
local PRELUDE <const> = [[
  local ebb = require "ebb"
  local function closer(f) return setmetatable({}, {__close = f}) end
  local how <const> = {
    sleeps = function() while true do ebb.sleep(0.001) end end,
    yields = function() while true do ebb.yield_now() end end,
    waits = function()
      while true do pcall(function() ebb.sync.Notify.new():notified() end) end
    end,
  }
  local function left(clean_up, spawn)
    (spawn or ebb.spawn)(function()
      local _ <close> = closer(clean_up)
      ebb.sleep(1e6)
    end)
    ebb.yield_now()
  end
  local function stuck(name, spawn) left(how[name], spawn) end
  local function orderly()
    left(function()
      for _ = 1, 3 do ebb.yield_now() end
      print "closed"
    end)
  end
  ebb.set_shutdown_timeout(0.02)
]]

describe("a clean-up that never ends", function()
  for name, what in pairs {
    sleeps = "sleep", yields = "its next turn", waits = "notified"
  } do
    for clock, pause in pairs {real = "", virtual = "ebb.time.pause()"} do
      it(("is left when it %s, in %s time"):format(name, clock), function()
        local code, out, err = run(PRELUDE .. pause .. (" stuck '%s'")
          :format(name))
        assert.same({0, ""}, {code, out})
        assert.equal("ebb: task 1 still waits for " .. what ..
                     " after 0.02 s, and is left behind\n", err)
      end)
    end
  end

  it("is named by its name and key", function()
    local _, _, err = run(PRELUDE .. [[
      local map = ebb.JoinMap.new()
      stuck("sleeps", function(f)
        map:build_task():name("cook"):spawn("soup", f)
      end)
    ]])
    assert.equal([[ebb: task 1 "cook" (key "soup") still waits for sleep ]] ..
                 "after 0.02 s, and is left behind\n", err)
  end)

  it("does not keep the other clean-ups from their end", function()
    local code, out, err = run(PRELUDE .. [[
      stuck "waits"
      orderly()
      stuck "waits"
    ]])
    assert.same({0, "closed\n"}, {code, out})
    assert.matches("task 1 ", err)
    assert.not_matches("task 2 ", err)
    assert.matches("task 3 ", err)
  end)

  it("is given its turns, but not waited for, with a timeout of 0", function()
    local code, out, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0)
      orderly()
      stuck "sleeps"
    ]])
    assert.same({0, "closed\n"}, {code, out})
    assert.matches("^ebb: task 2 [^\n]+ after 0 s, and is left behind\n$", err)
  end)

  for where, f in pairs {
    ["in the body"] = "directly",
    ["in a sort comparator"] = "function(f) table.sort({2, 1}, f) end",
    ["in a generator"] = "function(f) coroutine.wrap(f)() end",
  } do
    it("is left where it waits on a stack, " .. where, function()
      local code, _, err = run(PRELUDE .. [[
        local function directly(f) f() end
        local place = ]] .. f .. [[

        ebb.spawn(function()
          place(function()
            local _ <close> = closer(function()
              table.sort({2, 1}, function() ebb.sleep(1e6) end)
            end)
            ebb.sleep(1e6)
          end)
        end)
        ebb.yield_now()
      ]])
      assert.equal(0, code)
      assert.matches("^ebb: task 1 still waits for sleep after [^\n]+\n$", err)
    end)
  end

  it("is left by os.exit", function()
    local code, _, err = run(PRELUDE .. "stuck 'sleeps' os.exit(3, true)")
    assert.equal(3, code)
    assert.matches("^ebb: task 1 still waits", err)
  end)

  it("is left by os.exit in another task", function()
    local code, _, err = run(PRELUDE .. [[
      stuck "sleeps"
      ebb.spawn(os.exit, 3, true)
      ebb.sleep(1e6)
    ]])
    assert.equal(3, code)
    assert.matches("^ebb: task 1 still waits", err)
  end)

  for _, name in ipairs {"the task", "the main chunk"} do
    it("has its wait fail when it is that of " .. name .. " which calls os.exit",
       function()
      local body = [[
        local function leave()
          local _ <close> = closer(how.sleeps)
          os.exit(3, true)
        end
      ]]
      local call = name == "the task" and "ebb.spawn(leave) ebb.sleep(1e6)"
                   or "leave()"
      assert.equal(3, (run(PRELUDE .. body .. call)))
    end)
  end

  it("shares its time with blocking work", function()
    local code, _, err = run(PRELUDE .. [[
      local at <const> = require "gate".new()
      ebb.Builder.new():name("loop"):spawn_blocking(function(pass, path)
        pass(path)
        while true do end
      end, at.pass, at.path)
      at:arrived(1)
      at:open(1)
      stuck "sleeps"
    ]])
    assert.equal(0, code)
    assert.matches("task 2 still waits for sleep", err)
    assert.matches([[blocking task 1 "loop" still runs]], err)
  end)
end)

-- Code for other threads.
local function hang(pass, path)
  local ebb = require "ebb"
  ebb.set_shutdown_timeout(0.01)
  ebb.spawn(function()
    local _ <close> = setmetatable({}, {__close = function()
      while true do ebb.sleep(0.001) end
    end})
    if pass then pass(path) end
    ebb.sleep(1e6)
  end)
  ebb.yield_now()
  return "result"
end

describe("a clean-up that never ends on another thread", function()
  it("is named by shutdown of its Runtime", function()
    local at <close> = gate.new()
    local runtime = ebb.Runtime.new()
    runtime:handle():spawn(hang, gate.pass, at.path)
    at:arrived(1)
    at:open(1)
    local ended, why = runtime:shutdown(0.01)
    assert.is_nil(ended)
    assert.matches("^task %d+ still waits for sleep$", why)
  end)

  it("is named at the end of the program", function()
    local code, _, err = run([[
      local ebb = require "ebb"
      local runtime = ebb.Runtime.new()
      runtime:handle():spawn(function()
        local ebb = require "ebb"
        local _ <close> = setmetatable({}, {__close = function()
          while true do ebb.sleep(0.001) end
        end})
        ebb.Handle.current():spawn(function() end)
        ebb.sleep(1e6)
      end)
      runtime:handle():spawn(function() end):join()
      ebb.set_shutdown_timeout(0.02)
    ]])
    assert.equal(0, code)
    assert.matches("^ebb: task %d+ still waits for sleep after 0.02 s", err)
  end)

  it("does not keep a result, nor the thread from other work", function()
    local code, out, err = run([[
      local ebb = require "ebb"
      ebb.set_max_blocking_threads(1)
      print(ebb.spawn_blocking(function()
        local ebb = require "ebb"
        ebb.set_shutdown_timeout(0.01)
        ebb.spawn(function()
          local _ <close> = setmetatable({}, {__close = function()
            while true do ebb.sleep(0.001) end
          end})
          ebb.sleep(1e6)
        end)
        ebb.yield_now()
        return "result"
      end):await())
      print(ebb.spawn_blocking(function() return "other" end):await())
    ]])
    assert.same({0, "result\nother\n"}, {code, out})
    assert.matches("^ebb: task %d+ still waits for sleep after 0.01 s", err)
  end)
end)
