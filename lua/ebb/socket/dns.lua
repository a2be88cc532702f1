-- SPDX-License-Identifier: MIT
--
-- Names and addresses. The system's resolver blocks, so it is called on the
-- thread pool; a numeric address it need not be asked about.

local ebb = require "ebb"
local core = require("ebb.load").require("socket.core", "lua-socket")

local dns = {}

local function is_numeric(host)
  return host:find "^%d+%.%d+%.%d+%.%d+$" or host:find(":", 1, true)
end

-- What runs on the pool, in a Lua state of its own.
local function call(name, host)
  return require "socket.core".dns[name](host)
end

for name, f in pairs(core.dns) do
  if name == "gethostname" then
    dns[name] = f -- asks nobody
  else
    dns[name] = function(host)
      if type(host) ~= "string" or is_numeric(host) then return f(host) end
      return ebb.block_in_place(call, name, host)
    end
  end
end

return dns
