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
local wrap = object.wrapper(methods)

-- ---- connecting ----

local FRESH <const> = {inet = core.tcp4, inet6 = core.tcp6}

-- What the user has set before is that of a fresh socket, too.
local function equip(self, fresh)
  fresh:settimeout(0)
  for option, value in pairs(self.options or {}) do
    fresh:setoption(option, value)
  end
  local host, port
  if self.bound then host, port = self.raw:getsockname() end
  self:close() -- the address is free for the fresh one only then
  self.raw = fresh
  if not host then return true end
  return fresh:bind(host, port)
end

-- A socket that has tried one address can neither try another while it is
-- busy with the first, nor be of another family.
local function renew(self, family)
  local fresh, err = FRESH[family]()
  if not fresh then return nil, err end
  return equip(self, fresh)
end

-- A connection that is being made is there when the socket can be written to
-- and nothing has gone wrong; asking for an error takes it away. The third
-- result is true when the user has closed the socket.
local function finish_connect(self, begun, shares)
  local ok, why = object.wait(self, "w", begun, shares)
  if not ok then return nil, why, why == "closed" end
  local err = self.raw:getoption("error")
  if err then return nil, err end
  return 1
end

-- With a timeout of 0 the user is to wait, and to ask for the error.
local function connect_to(self, address, port, begun, shares)
  local ok, err = self.raw:connect(address, port)
  -- The descriptor may be another one than before.
  if ok or err ~= "timeout" or self.block == 0 then return ok, err end
  return finish_connect(self, begun, shares)
end

-- Tries one address after the other, each with its share of the time that is
-- left; only the first, as LuaSocket, when there is no time at all.
local function connect_in_turn(self, addresses, port)
  local begun = now()
  local ok, err, closed
  for i, address in ipairs(addresses) do
    ok, err = true, nil
    if self.tried then ok, err = renew(self, address.family) end
    if ok then
      local shares = #addresses - i + 1
      ok, err, closed = connect_to(self, address.addr, port, begun, shares)
    end
    if ok then return ok end
    if closed or self.block == 0 then return nil, err end
    self.tried = true
  end
  return nil, err
end

local CONNECTING <const> = {__close = function(of) of.self.connecting = nil end}

function methods:connect(host, port)
  ebb.consume_budget()
  if self.connecting then return nil, "Operation already in progress" end
  self.connecting = true
  local _ <close> = setmetatable({self = self}, CONNECTING)
  local addresses, err = addresses_of(host, self.family)
  if not addresses then return nil, err end
  return connect_in_turn(self, addresses, port)
end

methods.setpeername = methods.connect

function methods:setoption(option, value)
  local ok, err = self.raw:setoption(option, value)
  if ok then
    self.options = self.options or {}
    self.options[option] = value
  end
  return ok, err
end

-- ---- listening ----

local function bind_to(self, address, port)
  local ok, err = self.raw:bind(address, port)
  if not ok then return ok, err end
  self.bound, self.family = true, select(3, self.raw:getsockname())
  return ok
end

function methods:bind(host, port)
  if host == "*" then return bind_to(self, host, port) end
  local addresses, err = addresses_of(host, self.family)
  if not addresses then return nil, err end
  return bind_to(self, addresses[1].addr, port)
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
