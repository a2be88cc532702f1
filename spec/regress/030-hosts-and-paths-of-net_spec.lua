-- A host or path with a NUL inside named whatever stood before it; a path that
-- was too long was an error of the program; errors of the resolver had the
-- code "EAI", but for three.

local common = require "common"
local ebb = require "ebb"

local net = ebb.net

-- What asks for a host, and what for a path; each gets one more argument.
local BY_HOST <const> = {
  connect = function(host) return net.connect(host, 80, 5) end,
  listen = function(host) return net.listen(host, 0) end,
  udp = function(host) return net.udp(host, 0) end,
  ["udp:connect"] = function(host)
    local socket <close> = net.udp("127.0.0.1", 0)
    return socket:connect(host, 80)
  end,
  ["udp:send_to"] = function(host)
    local socket <close> = net.udp("127.0.0.1", 0)
    return socket:send_to("data", host, 80)
  end
}
local BY_PATH <const> = {
  connect_unix = net.connect_unix, listen_unix = net.listen_unix
}

describe("a NUL is refused in", function()
  for name, f in pairs(BY_HOST) do
    it("the host of " .. name, function()
      assert.matches("bad argument #%d.*contains a NUL",
                     common.error_of(f, "127.0.0.1\0.example"))
    end)
  end

  for name, f in pairs(BY_PATH) do
    it("the path of " .. name, function()
      for _, path in ipairs {"\0", "@a\0", "/nonexistent\0/a"} do
        assert.matches("bad argument #1.*contains a NUL",
                       common.error_of(f, path))
      end
    end)
  end
end)

describe("a path that is too long is told by", function()
  for name, f in pairs(BY_PATH) do
    it(name, function()
      for _, path in ipairs {("x"):rep(108), "@" .. ("x"):rep(5000)} do
        local result, message, code = f(path)
        assert.is_nil(result)
        assert.is_string(message)
        assert.equal("ENAMETOOLONG", code)
      end
    end)
  end
end)

describe("the code of the resolver's error is its name", function()
  it("when the address is of another family", function()
    local socket <close> = assert(net.udp("127.0.0.1", 0))
    for _, call in ipairs {
      table.pack(socket:connect("::1", 80)),
      table.pack(socket:send_to("data", "::1", 80))
    } do
      assert.is_nil(call[1])
      assert.equal("EAI_ADDRFAMILY", call[3])
    end
  end)
end)

describe("connect_unix to a full backlog", function()
  it("says so, in each task that tries, and connects afterwards", function()
    local name = "@ebb-regress-030-" .. tostring {}:match "0x%x+"
    local listener <close> = assert(net.listen_unix(name, 1))
    local conns, code = {}, nil
    repeat
      local conn, _, why = net.connect_unix(name, 5)
      conns[#conns + 1], code = conn, why
    until not conn
    assert.equal("EAGAIN", code)
    assert.equal("EAGAIN", select(3, net.connect_unix(name)))
    for _ = 1, #conns do assert(listener:accept()):close() end
    assert(net.connect_unix(name)):close()
    for _, conn in ipairs(conns) do conn:close() end
  end)
end)
