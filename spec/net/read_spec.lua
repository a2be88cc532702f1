-- Connections of ebb.net that are read, on 127.0.0.1 and by Unix sockets:
-- bytes, lines, the end of the stream, limits and aborts. Nothing sleeps:
-- what is waited for is always an event, or a deadline on a paused clock.

local ebb = require "ebb"
local sockets = require "sockets"
local time = ebb.time

local settle_all = sockets.settle_all

for kind, new_pair in pairs(sockets.PAIRS) do
  describe("a " .. kind .. " connection", function()
    local a, b

    before_each(function() a, b = new_pair() end)
    after_each(function()
      a:close()
      b:close()
      pcall(time.resume)
    end)

    describe("reads", function()
      it("a number of bytes", function()
        a:write "abcdef"
        assert.equal("ab", b:read(2))
        assert.equal("cdef", b:read(4))
      end)

      it("a number of bytes that come one by one", function()
        local task = ebb.spawn(b.read, b, 3)
        for c in ("xyz"):gmatch "." do
          settle_all()
          assert.is_false(task:is_finished())
          a:write(c)
        end
        assert.equal("xyz", task:await())
      end)

      it("more bytes than a buffer takes at first", function()
        local data = ("0123456789abcdef"):rep(20000)
        local writer = ebb.spawn(a.write, a, data)
        assert.equal(data, b:read(#data))
        assert.is_true(writer:await())
      end)

      it("no bytes", function()
        a:write "x"
        assert.equal("", b:read(0))
        assert.equal("x", b:read(1))
        a:close()
        assert.is_nil(b:read(0))
      end)

      it("lines, without what ends them", function()
        a:write "one\ntwo\r\n\n\r\nfive"
        a:shutdown()
        local lines = {b:read "*l"}
        for line in b:lines() do lines[#lines + 1] = line end
        assert.same({"one", "two", "", "", "five"}, lines)
      end)

      it("record by record, of whatever kind", function()
        a:write "a;bb;ccc"
        a:shutdown()
        local seen = {}
        for record in b:lines ";" do seen[#seen + 1] = record end
        for pair in b:lines(2) do seen[#seen + 1] = pair end
        assert.same({"a", "bb", "cc"}, seen)
        assert.equal("c", b:read "*a")
      end)

      it("up to a delimiter that has no magic", function()
        a:write "a.b%%c.%d.%end"
        assert.equal("a.b%%c", b:read ".%")
        assert.equal("d", b:read ".%")
        assert.equal("e", b:read "n")
      end)

      it("a delimiter that comes in parts", function()
        local task = ebb.spawn(b.read, b, "\r\n\r\n")
        for _, part in ipairs {"head\r", "\n", "\r\r\n\r", "\nbody"} do
          settle_all()
          assert.is_false(task:is_finished())
          a:write(part)
        end
        assert.equal("head\r\n\r", task:await())
        assert.equal("body", b:read(4))
      end)

      it("a long line that comes in parts", function()
        local part = ("x"):rep(1000)
        local task = ebb.spawn(b.read, b, "*l")
        for _ = 1, 50 do
          a:write(part)
          settle_all()
        end
        a:write "\nrest"
        assert.equal(part:rep(50), task:await())
        assert.equal("rest", b:read(4))
      end)

      it("all up to the end", function()
        local data = ("all"):rep(50000)
        ebb.spawn(function()
          a:write(data)
          a:close()
        end)
        assert.equal(data, b:read "*a")
        assert.equal("", b:read "*a")
      end)

      it("what is there", function()
        a:write "abc"
        assert.equal("ab", b:read_some(2))
        assert.equal("c", b:read_some())
        local task = ebb.spawn(b.read_some, b)
        settle_all()
        a:write "d"
        assert.equal("d", task:await())
      end)

      it("bytes of every value", function()
        local bytes = {}
        for i = 0, 255 do bytes[i + 1] = string.char(i) end
        local all = table.concat(bytes)
        a:write(all)
        assert.equal(all, b:read(256))
        a:write("x\0y\0\0z")
        assert.equal("x\0y", b:read "\0\0")
      end)
    end)

    describe("at the end of the stream", function()
      local END <const> = {nil, "closed", "EOF"}

      it("says so, and keeps what was not asked for", function()
        a:write "abc"
        a:close()
        assert.same(END, {b:read(4)})
        assert.same(END, {b:read ";"})
        assert.equal("abc", b:read "*a")
        assert.same(END, {b:read(1)})
        assert.same(END, {b:read "*l"})
        assert.same(END, {b:read_some()})
      end)

      it("wakes who waits", function()
        local task = ebb.spawn(b.read, b, 1)
        settle_all()
        a:close()
        assert.same({true, table.unpack(END, 1, 3)}, {task:join()})
      end)

      it("can still be written to", function()
        a:shutdown()
        assert.same(END, {b:read(1)})
        assert.is_true(b:write "answer")
        b:close()
        assert.equal("answer", a:read "*a")
      end)

      it("gives EPIPE to who writes, and no signal", function()
        a:close()
        local ok, _, code
        repeat ok, _, code = b:write(("x"):rep(100)) until not ok
        assert.is_truthy(code == "EPIPE" or code == "ECONNRESET")
        _, _, code = b:write "x"
        assert.equal("EPIPE", code)
      end)
    end)

    describe("with a limit", function()
      it("refuses a longer line, and keeps it", function()
        a:write "12345\n"
        assert.same({nil, "Message too long", "EMSGSIZE"}, {b:read("*l", 4)})
        assert.equal("12345", b:read("*l", 5))
      end)

      it("does not wait for the end of a line that is too long", function()
        a:write "12345"
        local _, _, code = b:read("*l", 4)
        assert.equal("EMSGSIZE", code)
        _, _, code = b:read(";", 4)
        assert.equal("EMSGSIZE", code)
        _, _, code = b:read("*a", 4)
        assert.equal("EMSGSIZE", code)
      end)
    end)

    describe("when a task that reads is aborted", function()
      for name, what in pairs {
        ["a number of bytes"] = 10, ["a line"] = "*l", ["all"] = "*a"
      } do
        it("has lost no byte of " .. name, function()
          local task = ebb.spawn(b.read, b, what)
          a:write "part"
          settle_all()
          task:abort()
          task:join()
          a:write " and more"
          assert.equal("part and more", b:read(13))
        end)
      end

      it("has lost no byte that came just then", function()
        local task = ebb.spawn(b.read, b, 4)
        settle_all()
        a:write "data"
        task:abort()
        task:join()
        assert.equal("data", b:read(4))
      end)
    end)
  end)
end
