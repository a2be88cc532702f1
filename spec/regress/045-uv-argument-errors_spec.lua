-- Errors about arguments named a line of ebb's own and its variable 'f'.

local uv = require "ebb.uv"

local function error_of(code)
  local f = assert(load("local uv = ...\n" .. code, "=here"))
  local ok, message = pcall(function() f(uv) end)
  assert.is_false(ok)
  return message
end

describe("an error about arguments of ebb.uv names line and function", function()
  it("of a request", function()
    assert.matches("^here:3: bad argument #1 to 'fs_stat' ",
                   error_of "\nuv.fs_stat({})\n")
    assert.matches("^here:2: bad argument #1 to 'fs_stat' ",
                   error_of "uv.fs_stat({}, print)")
  end)

  it("of an event", function()
    assert.matches("^here:2: bad argument #1 to 'timer_start' ",
                   error_of "uv.timer_start({}, 1, 1)")
    assert.matches("^here:2: bad argument #1 to 'read_start' ",
                   error_of "uv.read_start(nil, print)")
  end)

  it("of a method, whose object is no argument", function()
    local code = "local timer = uv.new_timer()\n"
    assert.matches("^here:3: bad argument #1 to 'start' ",
                   error_of(code .. "timer:start({}, 1, print)"))
    assert.matches("^here:3: bad argument #1 to 'start' ",
                   error_of(code .. "timer:start({}, 1)"))
    uv.walk(uv.close)
  end)

  it("of what has functions of its own", function()
    for call, name in pairs {
      ["uv.spawn()"] = "spawn", ["uv.listen({}, 1)"] = "listen",
      ["uv.listen({}, 1, print)"] = "listen", ["uv.close()"] = "close",
      ["uv.close({}, print)"] = "close", ["uv.run 'twice'"] = "run",
      ["uv.walk()"] = "walk", ["uv.timer_again({})"] = "timer_again",
      ["uv.read_stop({})"] = "read_stop", ["uv.accept({})"] = "accept",
      ["uv.new_work()"] = "new_work", ["uv.ref({})"] = "ref"
    } do
      assert.matches(("^here:2: bad argument #1 to '%s' "):format(name),
                     error_of(call), call)
    end
  end)

  it("but not the line, where luv names none", function()
    local work = uv.new_work(function() end, print)
    local _, message = pcall(work.queue, work, {})
    assert.equal("Error: thread arg not support type 'table' at 1", message)
  end)

  it("of a handle that is closed twice", function()
    assert.matches("^here:4: handle 0x%x+ is already closing$", error_of [[
local timer = uv.new_timer()
timer:close(function() end)
timer:close(function() end)]])
    uv.run()
  end)
end)
