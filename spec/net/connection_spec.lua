-- Connections of ebb.net that are written to, time out, or are closed, and
-- their place among the tasks.

local common = require "common"
local ebb = require "ebb"
local sockets = require "sockets"
local net, time = ebb.net, ebb.time
local error_of, settle = common.error_of, ebb.yield_now

local settle_all, listen = sockets.settle_all, sockets.listen

for kind, new_pair in pairs(sockets.PAIRS) do
  describe("a " .. kind .. " connection", function()
    local a, b

    before_each(function() a, b = new_pair() end)
    after_each(function()
      a:close()
      b:close()
      pcall(time.resume)
    end)

    describe("with a timeout", function()
      local TIMEOUT <const> = {nil, "timeout", "ETIMEDOUT"}

      before_each(function() time.pause() end)

      it("gives up reading, and keeps what has come", function()
        local begun = time.now()
        b:set_timeout(2)
        a:write "ab"
        assert.same(TIMEOUT, {b:read(3)})
        assert.near(2, time.now() - begun, 1e-6)
        a:write "c"
        assert.equal("abc", b:read(3))
      end)

      it("gives up writing, and says how much went out", function()
        a:set_timeout(2)
        local data = ("x"):rep(1e7)
        local result = {a:write(data)}
        assert.same({nil, "timeout", "ETIMEDOUT"}, {table.unpack(result, 1, 3)})
        assert.is_true(result[4] > 0 and result[4] < #data)
        a:close()
        assert.equal(result[4], #b:read "*a")
      end)

      it("can be without one again", function()
        b:set_timeout(1)
        b:set_timeout(nil)
        local task = ebb.spawn(b.read, b, 1)
        ebb.sleep(1000)
        assert.is_false(task:is_finished())
        a:write "x"
        assert.equal("x", task:await())
      end)
    end)

    describe("that is closed", function()
      local CLOSED <const> = {nil, "closed", "EBADF"}

      it("says so to whoever uses it", function()
        a:close()
        a:close()
        assert.same(CLOSED, {a:read(1)})
        assert.same(CLOSED, {a:read_some()})
        assert.same({nil, "closed", "EBADF", 0}, {a:write "x"})
        assert.same(CLOSED, {a:shutdown()})
        assert.same(CLOSED, {a:peer_name()})
        assert.same(CLOSED, {a:local_name()})
        assert.equal(-1, a:getfd())
        assert.equal("Connection(closed)", tostring(a))
      end)

      it("wakes who reads and who writes", function()
        local reader = ebb.spawn(a.read, a, 1)
        local writer = ebb.spawn(a.write, a, ("x"):rep(1e7))
        local next = ebb.spawn(a.write, a, "y")
        settle_all()
        a:close()
        assert.same({true, nil, "closed", "EBADF"}, {reader:join()})
        assert.same({true, nil, "closed", "EBADF"},
                    {table.unpack({writer:join()}, 1, 4)})
        assert.same({true, nil, "closed", "EBADF", 0}, {next:join()})
      end)

      it("is so at the end of its scope", function()
        do local conn <close> = a end
        assert.equal(-1, a:getfd())
        assert.is_nil(b:read(1))
      end)

      it("is so when it is collected", function()
        a = nil
        common.collect()
        assert.is_nil(b:read(1))
        a = b
      end)

      it("leaves its number to others without a trace", function()
        for _ = 1, 20 do
          local reader = ebb.spawn(a.read, a, 1)
          settle_all()
          a:write "x"
          a:close()
          b:close()
          reader:join()
          a, b = new_pair()
          local task = ebb.spawn(a.read, a, 1)
          settle_all()
          assert.is_false(task:is_finished())
          b:write "y"
          assert.equal("y", task:await())
        end
      end)
    end)

    describe("writes", function()
      it("several pieces, and numbers", function()
        assert.is_true(a:write("a", 1, "", 2.5, "b"))
        assert.equal("a12.5b", b:read(6))
        assert.is_true(a:write())
        assert.is_true(a:write "")
        local pieces = {}
        for i = 1, 100 do pieces[i] = tostring(i) end
        a:write(table.unpack(pieces))
        local all = table.concat(pieces)
        assert.equal(all, b:read(#all))
      end)

      it("all of it, in order, while it is read slowly", function()
        local pieces = {}
        for i = 1, 40 do pieces[i] = tostring(i):rep(30000) end
        local task = ebb.spawn(a.write, a, table.unpack(pieces))
        local all = table.concat(pieces)
        for i = 1, #all, 12345 do
          local part = all:sub(i, i + 12344)
          assert.equal(part, b:read(#part))
        end
        assert.is_true(task:await())
      end)

      it("for several tasks without mixing what they write", function()
        local tasks = {}
        for i = 1, 8 do
          tasks[i] = ebb.spawn(function()
            for _ = 1, 5 do
              assert(a:write(tostring(i), tostring(i):rep(100000), "\n"))
            end
          end)
        end
        for _ = 1, 40 do
          local line = b:read "*l"
          assert.equal(100001, #line)
          assert.equal(line:sub(1, 1):rep(#line), line)
        end
        for _, task in ipairs(tasks) do task:await() end
      end)

      it("what comes after a write that was aborted", function()
        local first = ebb.spawn(a.write, a, ("x"):rep(1e7))
        local second = ebb.spawn(a.write, a, "second")
        settle_all()
        assert.is_false(second:is_finished())
        first:abort()
        first:join()
        local reader = ebb.spawn(b.read, b, "*a")
        assert.is_true(second:await())
        a:close()
        assert.equal("xsecond", reader:await():sub(-7))
      end)

      it("while another task reads", function()
        local reader = ebb.spawn(a.read, a, 5)
        settle_all()
        assert.is_true(a:write "hello")
        assert.is_true(b:write(b:read(5)))
        assert.equal("hello", reader:await())
      end)
    end)

    it("works in a generator and in a callback", function()
      local function lines()
        return coroutine.wrap(function()
          while true do
            local line = b:read "*l"
            if not line then return end
            coroutine.yield(line)
          end
        end)
      end
      local task = ebb.spawn(function()
        local seen = {}
        for line in lines() do
          seen[#seen + 1] = line:gsub("%?", function()
            b:write "?"
            return (b:read "*l")
          end)
        end
        return table.concat(seen, ",")
      end)
      a:write "one\ntwo?\n"
      assert.equal("?", a:read(1))
      a:write "!\nthree\n"
      a:shutdown()
      assert.equal("one,two!,three", task:await())
    end)

    it("is an object for ebb.io.wait", function()
      assert.equal("w", ebb.io.wait(a, "w"))
      assert.same({nil, "timeout"}, {ebb.io.wait(a, "r", 0)})
      b:write "xy"
      assert.equal("r", ebb.io.wait(a, "r"))
      assert.equal("x", a:read(1))
      assert.is_true(a:dirty())
      assert.equal("r", ebb.io.wait(a, "r"))
      assert.equal("y", a:read(1))
      assert.is_false(a:dirty())
    end)

    it("that is always ready does not starve the others", function()
      local stop = false
      ebb.spawn(function() stop = true end)
      a:write(("x"):rep(1000))
      local n = 0
      while not stop do
        n = n + 1
        assert(b:read(1))
        assert(n < 1000)
      end
    end)

    it("shows what is waited for", function()
      local task <close> = ebb.spawn(a.read, a, 1)
      settle_all()
      for _, info in ipairs(ebb.tasks()) do
        if info.id == task:id() then
          assert.equal("read", info.waiting_for)
        end
      end
    end)

    it("reports a reset to the other end alone", function()
      b:write "lost"
      a:reset()
      local ok, _, code = b:read(100)
      assert.is_nil(ok)
      if kind == "TCP" then assert.equal("ECONNRESET", code) end
    end)

    it("takes random pieces through in the right order", function()
      math.randomseed(11)
      local sent, received = {}, {}
      local writer = ebb.spawn(function()
        for i = 1, 300 do
          sent[i] = tostring(i):rep(math.random(0, 2000))
          a:write(sent[i])
          if math.random(3) == 1 then settle() end
        end
        a:shutdown()
      end)
      while true do
        local data = b:read_some(math.random(5000))
        if not data then break end
        received[#received + 1] = data
        if math.random(3) == 1 then settle() end
      end
      writer:await()
      assert.equal(table.concat(sent), table.concat(received))
    end)
  end)
end

describe("misuse", function()
  local conn, other = net.pair()

  for name, case in pairs {
    ["read of nothing"] = {2, "read"},
    ["read of a table"] = {2, "read", {}},
    ["read of a fraction"] = {2, "read", 1.5},
    ["read of a negative count"] = {2, "read", -1},
    ["read up to an empty delimiter"] = {2, "read", ""},
    ["read with a negative limit"] = {3, "read", "*l", -1},
    ["read_some of nothing"] = {2, "read_some", 0},
    ["write of a table"] = {3, "write", "x", {}},
    ["set_timeout to text"] = {2, "set_timeout", "soon"},
    ["set_timeout to a negative time"] = {2, "set_timeout", -1},
    ["shutdown of what there is not"] = {2, "shutdown", "x"},
    ["set_nodelay to a number"] = {2, "set_nodelay", 1},
  } do
    it("is an error that names the argument: " .. name, function()
      local err = error_of(conn[case[2]], conn, table.unpack(case, 3))
      assert.matches("bad argument #" .. case[1], err, 1, true)
    end)
  end

  it("of a method with another object names it", function()
    assert.matches("Connection expected", error_of(conn.read, io.stdout, 1))
    assert.matches("Listener expected",
                   error_of(listen().accept, other))
  end)
end)
