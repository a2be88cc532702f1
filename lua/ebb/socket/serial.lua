-- SPDX-License-Identifier: MIT
--
-- Serial lines: as those of LuaSocket, but it is the task that waits.

local object = require "ebb.socket.object"
local stream = require "ebb.socket.stream"
local open = require("ebb.load").library("socket.serial", "lua-socket")

local methods = {receive = stream.receive, send = stream.send}
local class

return function(path)
  local raw, err = open(path)
  if not raw then return raw, err end
  class = class or object.class(raw, methods)
  return object.new(class, raw)
end
