-- SPDX-License-Identifier: MIT
--
-- Sending and receiving on sockets that carry a stream: TCP and TLS. A call of
-- LuaSocket that is cut short gives what it has got so far; the next one goes
-- on behind it.

local ebb = require "ebb"
local object = require "ebb.socket.object"

local now = ebb.time.now

local stream = {}

-- The rest of a receive that was cut short: pieces are put together at the
-- end, so that a long one is not copied at each wait. `wanted` is a number of
-- bytes or a pattern.
local function receive_rest(self, wanted, begun, err, piece)
  local pieces, size, fresh = {piece}, #piece, false
  while true do
    local events = object.events(err, "receive")
    if not events then break end
    local ok, why = object.wait(self, events, begun)
    if not ok then
      err = why == "timeout" and err or why
      break
    end
    local left = wanted
    if type(wanted) == "number" then left = wanted - size end
    local data, failure, partial = self.raw:receive(left)
    piece, err = data or partial, failure
    pieces[#pieces + 1] = piece
    size = size + #piece
    fresh = fresh or #piece > 0
    if data then return table.concat(pieces) end
  end
  return nil, err, table.concat(pieces), fresh
end

function stream.receive(self, pattern, prefix)
  ebb.consume_budget()
  local begun = now()
  local turn <close>, late = object.turn(self, "receive", begun)
  if not turn then return nil, late, prefix or "" end
  local data, err, partial = self.raw:receive(pattern, prefix)
  if data or not object.events(err, "receive") then
    return data, err, partial
  end
  local before, fresh = #(prefix or ""), #partial
  local is_all = type(pattern) == "string" and pattern:find "^%*a"
  local wanted = tonumber(pattern) or pattern
  local more
  data, err, partial, more = receive_rest(self, wanted, begun, err, partial)
  -- The end of the stream ends "*a" well, if there was anything.
  if err == "closed" and is_all and (more or fresh > before) then
    return partial
  end
  return data, err, partial
end

-- How many bytes of the data come before the one to begin with.
local function count_before(data, first)
  first = math.tointeger(tonumber(first)) or 1
  if first < 0 then first = #tostring(data) + first + 1 end
  return math.max(first, 1) - 1
end

function stream.send(self, data, first, last)
  ebb.consume_budget()
  local begun = now()
  local turn <close>, late = object.turn(self, "send", begun)
  if not turn then return nil, late, count_before(data, first) end
  while true do
    local sent, err, partial = self.raw:send(data, first, last)
    local events = not sent and object.events(err, "send")
    if not events then return sent, err, partial end
    first = partial + 1
    local ok, why = object.wait(self, events, begun)
    if not ok then return nil, why == "timeout" and err or why, partial end
  end
end

return stream
