-- The end of the main chunk and of the state: the tasks that are left are
-- closed. Each program runs in a process of its own.

local closing = require "closing"
local run = require "run"

local PRELUDE, THREE = closing.PRELUDE, closing.THREE
local assert_three_closed = closing.assert_three_closed

describe("every task that is left is closed", function()
  it("when the main chunk ends", function()
    local code, out = run(THREE)
    assert.equal(0, code)
    assert_three_closed(out)
  end)

  it("when the main chunk returns early", function()
    local code, out = run(THREE .. "do return end")
    assert.equal(0, code)
    assert_three_closed(out)
  end)

  it("when the main chunk ends with an error", function()
    local code, out, err = run(THREE .. "error 'the end'")
    assert.equal(1, code)
    assert.matches("the end", err)
    assert_three_closed(out)
  end)

  it("when os.exit closes the state in the main chunk", function()
    local code, out = run(THREE .. "os.exit(true, true)")
    assert.equal(0, code)
    assert_three_closed(out)
  end)

  it("when os.exit closes the state in a task", function()
    local code, out = run(THREE .. [[
      ebb.spawn(function() os.exit(3, true) end)
      forever()
    ]])
    assert.equal(3, code)
    assert_three_closed(out)
  end)

  it("when os.exit closes the state in a task that has waited", function()
    local code, out = run(THREE .. [[
      ebb.spawn(function()
        ebb.yield_now()
        os.exit(3, true)
      end)
      forever()
    ]])
    assert.equal(3, code)
    assert_three_closed(out)
  end)

  it("when os.exit closes the state in a generator of a task", function()
    local code, out = run(THREE .. [[
      ebb.spawn(in_generator, function()
        ebb.yield_now()
        os.exit(3, true)
      end)
      forever()
    ]])
    assert.equal(3, code)
    assert_three_closed(out)
  end)

  it("when os.exit closes the state in a sort comparator", function()
    local code, out = run(THREE .. [[
      ebb.spawn(in_sort, function()
        ebb.yield_now()
        os.exit(3, true)
      end)
      forever()
    ]])
    assert.equal(3, code)
    assert_three_closed(out)
  end)

  it("when os.exit closes the state while main waits in a callback", function()
    local code, out = run(THREE .. [[
      ebb.spawn(function() os.exit(3, true) end)
      in_sort(forever)
    ]])
    assert.equal(3, code)
    assert_three_closed(out)
  end)

  it("when they are of a map that the script still holds", function()
    local code, out = run(PRELUDE .. [[
      map = ebb.JoinMap.new()
      map:spawn("key", function()
        local _ <close> = closer(function() print "closed" end)
        forever()
      end)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.equal("closed\n", out)
  end)

  it("when the script still holds their handles", function()
    local code, out = run(PRELUDE .. [[
      handle = ebb.spawn(function()
        local _ <close> = closer(function() print "closed" end)
        forever()
      end)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.equal("closed\n", out)
  end)

  for name, wait in pairs {
    ["yield_now"] = "ebb.yield_now",
    ["coroutine.yield"] = "coroutine.yield",
    ["join"] = "function() other:join() end",
    ["join_next"] = "function() map:join_next() end",
  } do
    it("when it waits in " .. name, function()
      local code, out = run(PRELUDE .. [[
        other = ebb.spawn(forever)
        map = ebb.JoinMap.new()
        map:spawn("key", forever)
        guarded("task", directly, ]] .. wait .. [[)
        ebb.yield_now()
      ]])
      assert.equal(0, code)
      assert.equal("task closed\n", out)
    end)
  end

  it("of a thousand, once each", function()
    local code, out = run(PRELUDE .. [[
      for i = 1, 500 do
        guarded(i, directly, forever)
        guarded(i, in_sort, forever)
      end
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.equal(1000, select(2, out:gsub("%d+ closed\n", "")))
  end)

  it("but one that has not started never runs", function()
    local code, out = run(PRELUDE .. "ebb.spawn(print, 'must not run')")
    assert.equal(0, code)
    assert.equal("", out)
  end)

  it("but not when os.exit leaves the state open", function()
    local code, out = run(THREE .. "os.exit(4)")
    assert.equal(4, code)
    assert.equal("", out)
  end)

  it("but not when os.exit leaves the state open in a task", function()
    local code, out = run(THREE .. [[
      ebb.spawn(in_sort, function() os.exit(4) end):join()
    ]])
    assert.equal(4, code)
    assert.equal("", out)
  end)
end)

describe("the clean-up at the end of the main chunk", function()
  -- Runs code that opens PATH, and returns what is in that file at the end.
  local function logged(template)
    local path = os.tmpname()
    local code = run(PRELUDE .. template:gsub("PATH", ("%q"):format(path)))
    local file = assert(io.open(path))
    local text = file:read("a")
    file:close()
    os.remove(path)
    return text, code
  end

  local TASK = [[
    ebb.spawn(function()
      local _ <close> = closer(function() log:write("closed\n") end)
      forever()
    end)
    ebb.yield_now()
  ]]

  it("can write to a log file that was opened before the tasks", function()
    local text, code = logged("local log = io.open(PATH, 'w')" .. TASK)
    assert.equal("closed\n", text)
    assert.equal(0, code)
  end)

  it("can write to a log file that only the task refers to", function()
    local text, code = logged("do local log = io.open(PATH, 'w')" .. TASK ..
                              "end collectgarbage()")
    assert.equal("closed\n", text)
    assert.equal(0, code)
  end)

  it("can write to a log file that is a global", function()
    local text, code = logged("log = io.open(PATH, 'w')" .. TASK)
    assert.equal("closed\n", text)
    assert.equal(0, code)
  end)

  it("can write to it also when main ends with an error", function()
    local text, code = logged("local log = io.open(PATH, 'w')" .. TASK ..
                              "error 'the end'")
    assert.equal("closed\n", text)
    assert.equal(1, code)
  end)

  it("can write to it also when a task ends the process", function()
    local text, code = logged("local log = io.open(PATH, 'w')" .. TASK ..
                              "ebb.spawn(os.exit, 3, true):join()")
    assert.equal("closed\n", text)
    assert.equal(3, code)
  end)

  it("can use the standard library and modules", function()
    local code, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer(function()
          print(#table.pack(("a b"):byte(1, -1)), ebb.time.now() > 0)
          print(require "string" == string)
        end)
        forever()
      end)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.equal("3\ttrue\ntrue\n", out)
  end)

  it("runs innermost first", function()
    local _, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer(function() print "outer" end)
        in_generator(function()
          local _ <close> = closer(function() print "inner" end)
          forever()
        end)
      end)
      ebb.yield_now()
    ]])
    assert.equal("inner\nouter\n", out)
  end)

  it("ends when it tries to wait", function()
    local code, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer(function()
          print "begin"
          ebb.yield_now()
        end)
        forever()
      end)
      guarded("other", directly, forever)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.matches("begin\n", out)
    assert.matches("other closed\n", out)
  end)

  it("ends when it tries to wait in a sort comparator", function()
    local code, out = run(PRELUDE .. [[
      ebb.spawn(in_sort, function()
        local _ <close> = closer(function()
          print "begin"
          ebb.yield_now()
        end)
        forever()
      end)
      guarded("other", directly, forever)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.matches("begin\n", out)
    assert.matches("other closed\n", out)
  end)

  it("ends when it spawns another task, which is aborted", function()
    local code, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer(function()
          ebb.spawn(function()
            local _ <close> = closer(function() print "closed" end)
            print "runs"
            forever()
            print "must not run"
          end)
          ebb.yield_now()
        end)
        forever()
      end)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.equal("runs\nclosed\n", out)
  end)

  it("may abort the other tasks", function()
    local code, out = run(PRELUDE .. [[
      local handles = {}
      for i = 1, 2 do
        handles[i] = ebb.spawn(function()
          local _ <close> = closer(function()
            print "closed"
            for _, handle in ipairs(handles) do handle:abort() end
          end)
          forever()
        end)
      end
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.equal("closed\nclosed\n", out)
  end)
end)
