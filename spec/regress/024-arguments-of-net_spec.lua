-- Errors of arguments that named another argument than the one at fault, or
-- came from the inside.

local ebb = require "ebb"

-- The message without where it comes from; also that of a function that is
-- in no global table, which Lua 5.4 calls "?".
local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]+:%d+: ", ""))
end

describe("an error names the argument at fault:", function()
  it("the seconds of ebb.net.connect_unix", function()
    local connect_unix = ebb.net.connect_unix
    assert.matches("^bad argument #2 .*negative",
                   message_of(connect_unix, "/nonexistent", -1))
    assert.matches("^bad argument #2 .*number expected",
                   message_of(connect_unix, "/nonexistent", {}))
  end)

  it("the seconds of ebb.socket's sleep, which may be a text", function()
    local sleep = require "ebb.socket".sleep
    sleep "0"
    assert.equal("bad argument #1 to 'sleep' (number expected)",
                 message_of(sleep))
    assert.equal("bad argument #1 to 'sleep' (number expected)",
                 message_of(sleep, {}))
  end)
end)
