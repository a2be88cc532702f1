-- SPDX-License-Identifier: MIT
--
-- LuaSocket with sockets that wait instead of blocking. What LuaSocket has in
-- Lua runs here unchanged, over a core whose functions let other tasks run.

local ebb = require "ebb"
local load = require "ebb.load"
local tcp = require "ebb.socket.tcp"
local udp = require "ebb.socket.udp"

local core = {}
for name, value in pairs(load.require("socket.core", "lua-socket")) do
  if type(value) ~= "table" then core[name] = value end
end
core.connect = tcp.connect
core.dns = require "ebb.socket.dns"
core.select = require "ebb.socket.select"
core.tcp, core.tcp4, core.tcp6 = tcp.tcp, tcp.tcp4, tcp.tcp6
core.udp, core.udp4, core.udp6 = udp.udp, udp.udp4, udp.udp6

function core.sleep(seconds)
  local number = tonumber(seconds) or
                 error("bad argument #1 to 'sleep' (number expected)", 2)
  ebb.sleep(math.max(number, 0))
end

local socket = load.with("socket", {["socket.core"] = core}, "lua-socket")

-- Those that have taken what they use from `socket` or `ssl` when they were
-- loaded: they are to be loaded again.
local TAKERS <const> = {
  "socket.ftp", "socket.http", "socket.serial", "socket.smtp", "socket.tp",
  "socket.unix", "ssl", "ssl.https"
}

-- What is in C there, by the module that takes its place when it is required.
local REPLACED <const> = {
  ["socket.serial"] = "ebb.socket.serial",
  ["socket.unix"] = "ebb.socket.unix",
  ssl = "ebb.ssl"
}

function socket.patch()
  if package.loaded.socket == socket then return socket end
  package.loaded.socket = socket
  for _, name in ipairs(TAKERS) do package.loaded[name] = nil end
  for name, ours in pairs(REPLACED) do
    package.preload[name] = function() return require(ours) end
  end
  return socket
end

return socket
