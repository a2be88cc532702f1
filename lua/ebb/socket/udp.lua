-- SPDX-License-Identifier: MIT
--
-- UDP sockets: as those of LuaSocket, but it is the task that waits.

local addresses_of = require "ebb.socket.addresses"
local object = require "ebb.socket.object"
local core = require("ebb.load").require("socket.core", "lua-socket")

local udp = {}
local methods = object.datagrams()
local wrap = object.wrapper(methods)

-- Names are resolved first, where that does not block.
for _, method in ipairs {"setpeername", "setsockname"} do
  methods[method] = function(self, host, port)
    if host ~= "*" then
      local addresses, err = addresses_of(host, self.family)
      if not addresses then return nil, err end
      host = addresses[1].addr
    end
    return self.raw[method](self.raw, host, port)
  end
end

local function maker(make, family)
  return function()
    local sock, err = wrap(make())
    if sock then sock.family = family end
    return sock, err
  end
end

udp.udp = maker(core.udp)
udp.udp4 = maker(core.udp4, "inet")
udp.udp6 = maker(core.udp6, "inet6")

return udp
