-- SPDX-License-Identifier: MIT
--
-- socket.select, for any number of sockets and without its limit on how large
-- the number of a file descriptor may be.

local ebb = require "ebb"

local function complain(number, expected, value)
  local text = "bad argument #%d to 'select' (%s expected, got %s)"
  error(text:format(number, expected, type(value)), 4)
end

local function check_sockets(number, sockets)
  if sockets ~= nil and type(sockets) ~= "table" then
    complain(number, "table", sockets)
  end
end

-- A negative time is without limit.
local function check_seconds(number, seconds)
  if seconds == nil then return nil end
  local given = tonumber(seconds) or complain(number, "number", seconds)
  return given >= 0 and given or nil
end

local function is_dirty(sock) return sock.dirty and sock:dirty() end

-- Where a socket is in the list can be asked by itself. It is there once,
-- unless it has read ahead: then it is there as often as the user gave it.
local function listed(ready, is_listed_again)
  local list = {}
  for _, sock in ipairs(ready) do
    if not list[sock] or is_listed_again(sock) then
      list[#list + 1] = sock
      list[sock] = #list
    end
  end
  return list
end

local function never() return false end

return function(receive, send, seconds)
  check_sockets(1, receive)
  check_sockets(2, send)
  local limit = check_seconds(3, seconds)
  local readable, writable = ebb.io.select(receive, send, limit)
  if not readable then return {}, {}, "timeout" end
  return listed(readable, is_dirty), listed(writable, never)
end
