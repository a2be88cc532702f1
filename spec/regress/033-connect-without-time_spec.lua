-- ebb.socket's connect with a timeout of 0 looked how the connection ended,
-- and so took the error that getoption was to give.

local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local socket = require "ebb.socket"

-- What f(module, port) gives with LuaSocket's module and with this one.
local function same_on_both(f)
  local results = {}
  for i, module in ipairs {blocking, socket} do
    local server = assert(blocking.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    results[i] = table.pack(f(module, port, server))
    server:close()
  end
  assert.same(results[1], results[2])
  return results[2]
end

describe("connect with a timeout of 0 is LuaSocket's", function()
  it("when somebody listens", function()
    local result = same_on_both(function(module, port)
      local conn = module.tcp()
      conn:settimeout(0)
      local _, early = conn:connect("127.0.0.1", port)
      local _, writable = module.select(nil, {conn})
      local err = conn:getoption "error"
      local again = table.pack(conn:connect("127.0.0.1", port))
      conn:close()
      return early, #writable, err, again
    end)
    assert.equal("timeout", result[1])
  end)

  it("when nobody does: the error is there to be asked for", function()
    local result = same_on_both(function(module, port, server)
      server:close()
      local conn = module.tcp()
      conn:settimeout(0)
      local _, early = conn:connect("127.0.0.1", port)
      module.select(nil, {conn})
      local first, second = conn:getoption "error", conn:getoption "error"
      conn:close()
      return early, first, second
    end)
    assert.equal("connection refused", result[2])
  end)
end)
