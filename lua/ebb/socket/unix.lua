-- SPDX-License-Identifier: MIT
--
-- Unix sockets: as those of LuaSocket, but it is the task that waits.

local object = require "ebb.socket.object"
local stream = require "ebb.socket.stream"
local core = require("ebb.load").library("socket.unix", "lua-socket")

local function maker(make, methods)
  local class
  local function wrap(raw, ...)
    if not raw then return raw, ... end
    class = class or object.class(raw, methods)
    return object.new(class, raw)
  end
  return function() return wrap(make()) end, wrap
end

local of_stream = {receive = stream.receive, send = stream.send}
local new_stream, wrap_stream = maker(core.stream, of_stream)

function of_stream:accept()
  return wrap_stream(object.retry(self, "receive", self.raw.accept))
end

local of_dgram = {}
for method, direction in pairs {
  receive = "receive", receivefrom = "receive", send = "send", sendto = "send"
} do
  of_dgram[method] = function(self, ...)
    return object.retry(self, direction, self.raw[method], ...)
  end
end
local new_dgram = maker(core.dgram, of_dgram)

-- LuaSocket has each under two names, and may be called itself.
return setmetatable({
  stream = new_stream, tcp = new_stream, dgram = new_dgram, udp = new_dgram
}, {__call = function() return new_stream() end})
