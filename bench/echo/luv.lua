-- SPDX-License-Identifier: MIT

-- The same on luv, in the manner of its own examples.

local uv = require "luv"

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))

local silent -- the first connection; its end is ours

local function serve(conn)
  conn:read_start(function(_, data)
    if data then
      conn:write(data)
    elseif conn == silent then
      print(("%.6f"):format(os.clock()))
      os.exit(0)
    else
      conn:close()
    end
  end)
end

assert(server:listen(1024, function()
  local conn = uv.new_tcp()
  silent = silent or conn
  server:accept(conn)
  conn:nodelay(true)
  serve(conn)
end))
print(server:getsockname().port)
io.stdout:flush()
uv.run()
