-- SPDX-License-Identifier: MIT
--
-- TCP sockets: as those of LuaSocket, but it is the task that waits.

local ebb = require "ebb"
local addresses_of = require "ebb.socket.addresses"
local object = require "ebb.socket.object"
local stream = require "ebb.socket.stream"
local core = require("ebb.load").require("socket.core", "lua-socket")

local now = ebb.time.now

local tcp = {}
local methods = {receive = stream.receive, send = stream.send}
local class

local function wrap(raw, ...)
  if not raw then return raw, ... end
  class = class or object.class(raw, methods)
  return object.new(class, raw)
end

-- ---- connecting ----

-- A connection that is being made is there when the socket can be written to
-- and nothing has gone wrong; asking for an error takes it away.
local function finish_connect(self, begun)
  local ok, why = object.wait(self, "w", begun)
  if not ok then return nil, why end
  local err = self.raw:getoption("error")
  if err then return nil, err end
  return 1
end

local function connect_to(self, address, port)
  local begun = now()
  local ok, err = self.raw:connect(address, port)
  -- The descriptor may be another one than before.
  if ok or err ~= "timeout" then return ok, err end
  return finish_connect(self, begun)
end

-- Tries one address after the other. A timeout ends it: the socket is busy
-- with that address still.
function methods:connect(host, port)
  ebb.consume_budget()
  local addresses, err = addresses_of(host, self.family)
  if not addresses then return nil, err end
  for _, address in ipairs(addresses) do
    local ok
    ok, err = connect_to(self, address, port)
    if ok or err == "timeout" or err == "closed" then return ok, err end
  end
  return nil, err
end

methods.setpeername = methods.connect

-- ---- listening ----

function methods:bind(host, port)
  if host == "*" then return self.raw:bind(host, port) end
  local addresses, err = addresses_of(host, self.family)
  if not addresses then return nil, err end
  return self.raw:bind(addresses[1], port)
end

methods.setsockname = methods.bind

function methods:accept()
  return wrap(object.retry(self, "receive", self.raw.accept))
end

-- ---- the functions of the module ----

local function maker(make, family)
  return function()
    local sock, err = wrap(make())
    if sock then sock.family = family end
    return sock, err
  end
end

tcp.tcp = maker(core.tcp)
tcp.tcp4 = maker(core.tcp4, "inet")
tcp.tcp6 = maker(core.tcp6, "inet6")

local MAKERS <const> = {inet = tcp.tcp4, inet6 = tcp.tcp6, unspec = tcp.tcp}

local function connect_from(sock, host, port, local_host, local_port)
  if local_host or local_port then
    local ok, err = sock:bind(local_host or "*", local_port or 0)
    if not ok then return nil, err end
  end
  return sock:connect(host, port)
end

function tcp.connect(host, port, local_host, local_port, family)
  local make = MAKERS[family or "unspec"]
  if not make then error("bad argument #5 to 'connect' (invalid family)", 2) end
  local sock, err = make()
  if not sock then return nil, err end
  local ok
  ok, err = connect_from(sock, host, port, local_host, local_port)
  if ok then return sock end
  sock:close()
  return nil, err
end

return tcp
