-- #threads
-- The end of a program while work on other threads goes on: it is waited for,
-- but not for ever. The child is the interpreter that runs the spec, so each
-- holds for the host and for stock Lua.

local ebb = require "ebb"
local gate = require "gate"
local run = require "run"

local HOST = os.getenv "EBB_BUILD" .. "/ebb"

-- `stuck(name)` starts a job that never ends, and waits until it runs.
local PRELUDE = [[
  local ebb = require "ebb"
  local gate = require "gate"
  local at <const> = gate.new()
  local runs = 0
  local function loop(path)
    local log = assert(io.open(path .. ".log", "ab"))
    log:write "x"
    log:close()
    while true do end
  end
  local function stuck(name)
    runs = runs + 1
    local job = ebb.Builder.new():name(name):spawn_blocking(loop, at.path)
    at:arrived(runs)
    at:close()
    print(job:id())
    return job
  end
]]

describe("a job that never ends", function()
  it("does not stop a program from ending, and is named", function()
    local code, out, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      stuck "hasher"
    ]])
    assert.equal(0, code)
    assert.matches("hasher", err)
    assert.matches("%f[%d]" .. out:match "%d+" .. "%f[%D]", err)
  end)

  it("is named by its id alone when it has no name", function()
    local code, out, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      local job = ebb.spawn_blocking(loop, at.path)
      at:arrived(1)
      at:close()
      print(job:id())
    ]])
    assert.equal(0, code)
    assert.matches("%f[%d]" .. out:match "%d+" .. "%f[%D]", err)
  end)

  it("is one of many that are named, each once", function()
    local code, _, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      for i = 1, 3 do
        ebb.Builder.new():name("job " .. i .. "!")
          :spawn_blocking(loop, at.path)
      end
      at:arrived(3)
      at:close()
    ]])
    assert.equal(0, code)
    for i = 1, 3 do
      assert.equal(1, select(2, err:gsub("job " .. i .. "!", "")))
    end
  end)

  it("is not waited for at all with a timeout of 0", function()
    local code, _, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0)
      stuck "hasher"
    ]])
    assert.equal(0, code)
    assert.matches("hasher", err)
  end)

  for name, how in pairs {
    ["an error"] = {[[error "the end"]], 1},
    ["os.exit"] = {[[os.exit(3, true)]], 3},
    ["os.exit in a task"] = {[[
      ebb.spawn(function() os.exit(3, true) end)
      ebb.sleep(math.huge)
    ]], 3},
    ["os.exit in a comparator of a task"] = {[[
      ebb.spawn(function()
        table.sort({2, 1}, function() ebb.yield_now() os.exit(3, true) end)
      end)
      ebb.sleep(math.huge)
    ]], 3},
  } do
    it("is named when the program ends by " .. name, function()
      local code, _, err = run(PRELUDE .. [[
        ebb.set_shutdown_timeout(0.01)
        stuck "hasher"
      ]] .. how[1])
      assert.equal(how[2], code)
      assert.matches("hasher", err)
    end)
  end

  it("does not matter to an os.exit that leaves the state open", function()
    local code, _, err = run(PRELUDE .. [[
      stuck "hasher"
      os.exit(4)
    ]])
    assert.same({4, ""}, {code, err})
  end)

  it("does not keep the clean-up of tasks from running", function()
    local code, out = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      ebb.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          ebb.yield_now()
          print "closed"
        end})
        ebb.sleep(1e6)
      end)
      ebb.yield_now()
      stuck "hasher"
    ]])
    assert.equal(0, code)
    assert.matches("closed\n$", out)
  end)

  it("may be waited in by a task, and a map", function()
    local code, out, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      local job = stuck "hasher"
      ebb.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          print "closed"
        end})
        job:join()
      end)
      map = ebb.JoinMap.new()
      map:spawn_blocking("key", function() while true do end end)
      ebb.spawn(map.join_next, map)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.matches("closed\n", out)
    assert.matches("hasher", err)
  end)

  it("does not keep Ctrl-C from ending the host", function()
    local code, _, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      local job = stuck "hasher"
      ebb.spawn(function() io.popen("kill -INT $PPID"):close() end)
      job:join()
      print "no"
    ]], HOST)
    assert.equal(130, code)
    assert.matches("hasher", err)
  end)

  it("does not keep a task that spins from ending the host by Ctrl-C",
     function()
    local code, out = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      stuck "hasher"
      io.popen("kill -INT $PPID"):close()
      while true do end
      print "no"
    ]], HOST)
    assert.equal(130, code)
    assert.is_nil(out:find "no")
  end)

  it("on another runtime's pool does not stop a program either", function()
    local code, _, err = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      rt = ebb.Runtime.new()
      ebb.Builder.new():name("far hasher")
        :spawn_blocking_on(loop, rt:handle(), at.path)
      at:arrived(1)
      at:close()
    ]])
    assert.equal(0, code)
    assert.is_string(err)
  end)

  it("is told of by shutdown of a runtime, where a task never waits",
     function()
    local code, out = run(PRELUDE .. [[
      ebb.set_shutdown_timeout(0.01)
      rt = ebb.Runtime.new()
      ebb.Builder.new():name("spinner"):spawn_on(loop, rt:handle(), at.path)
      at:arrived(1)
      at:close()
      print(rt:shutdown(0.01))
    ]])
    assert.equal(0, code)
    assert.matches("^nil\t%S", out)
  end)
end)

describe("blocking work at the end of a program", function()
  it("that has started is waited for", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    local opener = ebb.spawn_blocking(function(p)
      -- Opens the gate when the child's job is there.
      local log
      repeat
        log = assert(io.open(p .. ".log", "rb"))
        local size = log:seek "end"
        log:close()
      until size == 1
      local gate_file = assert(io.open(p, "wb"))
      gate_file:write "x"
      gate_file:close()
    end, at.path)
    local code, _, err = run(([[
      local ebb = require "ebb"
      local gate = require "gate"
      ebb.spawn_blocking(function(pass, p, out)
        pass(p)
        local file = assert(io.open(out, "w"))
        file:write "its end"
        file:close()
      end, gate.pass, %q, %q)
      gate.arrived({path = %q}, 1)
      ebb.set_shutdown_timeout(60)
    ]]):format(at.path, path, at.path))
    opener:await()
    local file = assert(io.open(path))
    assert.same({0, "", "its end"}, {code, err, file:read "a"})
    file:close()
    os.remove(path)
  end)

  it("that has not started never runs", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local gate = require "gate"
      ebb.set_max_blocking_threads(1)
      local at <const> = gate.new()
      ebb.spawn_blocking(gate.pass, at.path)
      at:arrived(1)
      for _ = 1, 10 do
        ebb.spawn_blocking(function() print "must not run" end)
      end
      at:open()
    ]]
    -- The one thread may have taken some of them before the end.
    assert.equal(0, code)
    assert.equal("", err)
    assert.equal("", (out:gsub("must not run\n", "")))
    code, out, err = run(PRELUDE .. [[
      ebb.set_max_blocking_threads(1)
      ebb.set_shutdown_timeout(0.01)
      stuck "hasher"
      for _ = 1, 10 do
        ebb.spawn_blocking(function() print "must not run" end)
      end
    ]])
    assert.equal(0, code)
    assert.matches("^%d+\n$", out)
    assert.matches("hasher", err)
  end)

  it("can be awaited by a clean-up then", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      ebb.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          local function thrice(n) return 3 * n end
          print(ebb.spawn_blocking(thrice, 1):await())
          print(ebb.block_in_place(thrice, 2))
        end})
        ebb.sleep(1e6)
      end)
      ebb.yield_now()
    ]]
    assert.same({0, "3\n6\n", ""}, {code, out, err})
  end)

  it("leaves nothing to say when it has ended", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local set = ebb.JoinSet.new()
      for i = 1, 20 do set:spawn_blocking(function() return i end) end
      while set:join_next() do end
      for i = 1, 20 do set:spawn_blocking(function() return i end) end
    ]]
    assert.same({0, "", ""}, {code, out, err})
  end)

  it("that panics with nobody to join it is reported", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      job = ebb.spawn_blocking(function() error("boom", 0) end)
      while not job:is_finished() do ebb.yield_now() end
      job = nil
    ]]
    assert.equal(0, code)
    assert.equal(1, select(2, err:gsub("boom", "")))
  end)
end)

describe("os.exit on another thread", function()
  for place, spawn in pairs {
    ["in blocking work"] = "ebb.spawn_blocking(%s)",
    ["in a task of a runtime"] =
      "runtime = ebb.Runtime.new(); runtime:handle():spawn(%s)",
  } do
    for _, close in ipairs {"false", "true"} do
      it(("ends the process %s, with close %s"):format(place, close),
         function()
        local code, out, err = run("local ebb = require 'ebb'; " ..
          spawn:format(([[function()
            local ebb = require "ebb"
            ebb.spawn(function()
              local _ <close> = setmetatable({}, {__close = function()
                print "closed"
              end})
              ebb.sleep(1e6)
            end)
            ebb.yield_now()
            table.sort({2, 1}, function()
              ebb.yield_now()
              os.exit(3, %s)
            end)
          end]]):format(close)) .. ":join()")
        assert.same({3, close == "true" and "closed\n" or "", ""},
                    {code, out, err})
      end)
    end
  end
end)

describe("set_shutdown_timeout", function()
  for kind, seconds in pairs {
    ["negative"] = -1, ["NaN"] = 0 / 0, ["a string"] = "soon",
    ["missing"] = false,
  } do
    it("names the argument when it is " .. kind, function()
      local ok, err = pcall(function()
        ebb.set_shutdown_timeout(seconds or nil)
      end)
      assert.is_false(ok)
      assert.matches("bad argument #1 to 'set_shutdown_timeout'", err, 1, true)
    end)
  end

  it("takes 0, fractions and huge", function()
    for _, seconds in ipairs {0, 0.5, math.huge, 5} do
      ebb.set_shutdown_timeout(seconds)
    end
  end)
end)
