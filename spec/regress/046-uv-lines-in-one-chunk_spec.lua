-- uv.lines copied the rest of what it had read for each line: a chunk of many
-- short lines took time and memory by the square of its length.

local ebb = require "ebb"
local uv = require "ebb.uv"

describe("uv.lines of ebb.uv", function()
  it("does not copy the rest of a chunk for each line", function()
    local fds = uv.socketpair()
    local mine, theirs = uv.new_tcp(), uv.new_tcp()
    assert(mine:open(fds[1]))
    assert(theirs:open(fds[2]))
    local text = ("x\n"):rep(30000)
    ebb.spawn(function()
      assert(theirs:write(text))
      theirs:close()
    end)
    collectgarbage()
    collectgarbage "stop"
    local before, count = collectgarbage "count", 0
    for line in uv.lines(mine) do
      count = count + 1
      if line ~= "x" then error(line) end
    end
    local allocated = collectgarbage "count" - before
    collectgarbage "restart"
    mine:close()
    assert.equal(30000, count)
    assert.is_true(allocated < 16 * 1024, allocated .. " KiB")
  end)
end)
