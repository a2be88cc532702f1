-- SPDX-License-Identifier: MIT
--
-- Where a socket may connect to: the addresses of a host, as getaddrinfo gives
-- them, of the family of the socket ("inet", "inet6", or nil for any), best
-- first.

local dns = require "ebb.socket.dns"

return function(host, family)
  local found, err = dns.getaddrinfo(host)
  if not found then return nil, err end
  local fitting = {}
  for _, address in ipairs(found) do
    if not family or family == address.family then
      fitting[#fitting + 1] = address
    end
  end
  if not fitting[1] then
    return nil, "Address family for hostname not supported"
  end
  return fitting
end
