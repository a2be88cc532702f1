-- SIGPIPE killed a process that wrote to a pipe which nobody reads by ebb.uv,
-- unless ebb.socket was loaded, too.

local run = require "run"

describe("a pipe that nobody reads", function()
  it("is an error of the write, and no end of the process", function()
    local code, out, err = run [[
      local uv = require "ebb.uv"
      local fds = uv.pipe()
      uv.fs_close(fds.read)
      print(select(3, uv.fs_write(fds.write, "x")))
      local pipe = uv.new_pipe()
      pipe:open(fds.write)
      print(select(3, pipe:write "x"))]]
    assert.same({0, "EPIPE\nEPIPE\n", ""}, {code, out, err})
  end)

  it("ends a program that is started, as everywhere", function()
    local code, out, err = run [[
      local uv = require "ebb.uv"
      local fds = uv.pipe()
      uv.fs_close(fds.read)
      print(uv.spawn("yes", {stdio = {nil, fds.write}}))]]
    assert.same({0, "0\t13\n", ""}, {code, out, err})
  end)
end)
