-- At the end of the main chunk a clean-up could not use what is built on a task
-- of its own, which was aborted before it began.

local run = require "run"

-- In the clean-up of a task, at the end of the program. Lua finalizes no object
-- that is made then, so that of a Runtime keeps its few bytes.
local function at_the_end(code)
  return run.leaking([[
    local ebb = require "ebb"
    local function closer(f) return setmetatable({}, {__close = f}) end
    ebb.spawn(function()
      local _ <close> = closer(function() ]] .. code .. [[ end)
      ebb.sleep(1e6)
    end)
    ebb.yield_now()
  ]])
end

describe("a clean-up at the end of the program can use", function()
  for name, case in pairs {
    spawn = {"print(ebb.spawn(function() ebb.sleep(0) return 1 end):await())",
             "1\n"},
    timeout = {"print(ebb.time.timeout(10, ebb.sleep, 0))", "true\n"},
    ["a timeout that elapses"] = {"print(ebb.time.timeout(0, ebb.sleep, 10))",
                                  "nil\telapsed\n"},
    select = {[[print(ebb.select {
                  a = function() ebb.sleep(0) return 1 end,
                  b = function() ebb.sleep(1e6) end})]], "a\ttrue\t1\n"},
    block_on = {"print(ebb.block_on(function() ebb.sleep(0) return 2 end))",
                "2\n"},
    block_in_place = {"print(ebb.block_in_place(function() return 3 end))",
                      "3\n"},
    spawn_blocking = {
      "print(ebb.spawn_blocking(function() return 4 end):await())", "4\n"},
    ["a JoinMap"] = {[[
       local map = ebb.JoinMap.new()
       for i = 1, 3 do map:spawn(i, function() ebb.sleep(0) return i end) end
       local sum = 0
       for k, ok, v in map.join_next, map do sum = sum + k * v end
       print(sum)]], "14\n"},
    ["a LocalSet"] = {[[
       local set = ebb.LocalSet.new()
       set:spawn_local(function() print "local" end)
       set:await()]], "local\n"},
    ["a channel to a task of its own"] = {[[
       local tx, rx = ebb.sync.channel(1)
       ebb.spawn(function() for i = 1, 3 do tx:send(i) end tx:close() end)
       for v in rx.recv, rx do print(v) end]], "1\n2\n3\n"},
    ["a Runtime"] = {[[
       local runtime <close> = ebb.Runtime.new()
       print(runtime:handle():spawn(function() return 5 end):await())]],
       "5\n"},
    ["a server and a client"] = {[[
       local listener = ebb.net.listen("127.0.0.1", 0)
       local _, port = listener:local_name()
       ebb.spawn(function()
         local conn <close> = listener:accept()
         conn:write(conn:read("*l") .. "\n")
       end)
       local conn <close> = ebb.net.connect("localhost", port)
       conn:write "hello\n"
       print(conn:read "*l")]], "hello\n"},
  } do
    it(name, function()
      local code, out, err = at_the_end(case[1])
      assert.same({0, case[2], ""}, {code, out, err})
    end)
  end
end)

describe("a task that a clean-up at the end has spawned", function()
  it("is aborted when nobody waits for it, and cleans up", function()
    local code, out, err = at_the_end [[
      ebb.spawn(function()
        local _ <close> = closer(function()
          print(ebb.cancelled():is_cancelled())
          print(ebb.time.timeout(10, ebb.sleep, 0))
        end)
        ebb.sleep(1e6)
      end)
      ebb.yield_now()
    ]]
    assert.same({0, "true\ntrue\n", ""}, {code, out, err})
  end)

  it("does not keep the program, though each spawns another", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local count = 0
      local function again()
        count = count + 1
        local _ <close> = setmetatable({}, {__close = function()
          ebb.spawn(again)
        end})
        ebb.sleep(1e6)
      end
      ebb.spawn(again)
      ebb.yield_now()
      last = setmetatable({}, {__gc = function() print(count < 100) end})
    ]]
    assert.same({0, "true\n", ""}, {code, out, err})
  end)

  it("may be spawned by a finalizer while the state closes", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      last = setmetatable({}, {__gc = function()
        print(ebb.time.timeout(10, ebb.sleep, 0))
      end})
      ebb.yield_now()
    ]]
    assert.same({0, "true\n", ""}, {code, out, err})
  end)
end)
