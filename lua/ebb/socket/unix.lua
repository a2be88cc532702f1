-- SPDX-License-Identifier: MIT
--
-- Unix sockets: as those of LuaSocket, but it is the task that waits.

local object = require "ebb.socket.object"
local stream = require "ebb.socket.stream"
local core = require("ebb.load").library("socket.unix", "lua-socket")

local methods = {receive = stream.receive, send = stream.send}
local wrap_stream = object.wrapper(methods)
local wrap_dgram = object.wrapper(object.datagrams())

function methods:accept()
  return wrap_stream(object.retry(self, "receive", self.raw.accept))
end

local function new_stream() return wrap_stream(core.stream()) end
local function new_dgram() return wrap_dgram(core.dgram()) end

-- LuaSocket has each under two names, and may be called itself.
return setmetatable({
  stream = new_stream, tcp = new_stream, dgram = new_dgram, udp = new_dgram
}, {__call = function() return new_stream() end})
