-- SPDX-License-Identifier: MIT
--
-- Serial lines: as those of LuaSocket, but it is the task that waits.

local object = require "ebb.socket.object"
local stream = require "ebb.socket.stream"
local open = require("ebb.load").library("socket.serial", "lua-socket")

local wrap = object.wrapper {receive = stream.receive, send = stream.send}

return function(path) return wrap(open(path)) end
