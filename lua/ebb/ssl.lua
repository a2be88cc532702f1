-- SPDX-License-Identifier: MIT
--
-- LuaSec over sockets that wait: its own module, but ssl.wrap gives a
-- connection whose handshake, receive and send let other tasks run.

local load = require "ebb.load"
local object = require "ebb.socket.object"
local stream = require "ebb.socket.stream"

load.require("ssl.core", "lua-sec")
local ssl = load.with("ssl", {}, "lua-sec")
local wrap = ssl.wrap

local methods = {receive = stream.receive, send = stream.send}
local wrap_raw = object.wrapper(methods)

-- The error stays LuaSec's, "wantread" say, when time is up.
function methods:dohandshake()
  local ok, err = object.retry(self, "receive", self.raw.dohandshake)
  if ok then return ok end
  return false, err
end

-- The descriptor of `sock` goes over to the connection, its timeouts do not.
function ssl.wrap(sock, config)
  return wrap_raw(wrap(sock, config))
end

return ssl
