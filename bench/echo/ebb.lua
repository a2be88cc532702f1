-- SPDX-License-Identifier: MIT

-- The echo server on ebb.net. Prints its port, and at the end the CPU seconds
-- it took.

local ebb = require "ebb"

local listener = assert(ebb.net.listen("127.0.0.1", 0))
local _, port = listener:local_name()
print(port)
io.stdout:flush()

-- The first connection says nothing; its end is ours.
ebb.spawn(function()
  assert(listener:accept()):read(1)
  print(("%.6f"):format(os.clock()))
  os.exit(0)
end)
ebb.yield_now()

local function serve(conn)
  while true do
    local message = conn:read(64)
    if not message then break end
    conn:write(message)
  end
  conn:close()
end

for conn in listener.accept, listener do ebb.spawn(serve, conn) end
