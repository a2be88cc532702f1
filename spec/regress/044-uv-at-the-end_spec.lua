-- luv frees a handle that is finalized while it is being closed, though its
-- loop goes on with it: programs that ended so crashed. And clean-ups at the
-- end of the program could wait for nothing of ebb.uv, since no task that runs
-- the loop begins there any more.

local run = require "run"

-- The code's output, without a complaint.
local function output_of(code)
  local status, out, err = run('warn "@on"\n' ..
    'local ebb, uv = require "ebb", require "ebb.uv"\n' .. code)
  assert.same({0, ""}, {status, err})
  return out
end

describe("a program with ebb.uv ends in order", function()
  it("when a handle is being closed", function()
    assert.equal("end\n", output_of [[
      local timer = uv.new_timer()
      timer:start(1000000, 0, error)
      timer:close(error)
      print "end"]])
  end)

  it("when requests and work are under way", function()
    assert.equal("end\n", output_of [[
      for _ = 1, 50 do uv.fs_stat("/", error) end
      uv.new_work(function() end, error):queue()
      local timer = uv.new_timer()
      timer:start(0, 1, error)
      uv.new_tcp():close(error)
      print "end"]])
  end)

  it("when the main chunk's clean-up closes a timer", function()
    assert.equal("true\n", output_of [[
      local timer = uv.new_timer()
      timer:start(1000000, 0, error)
      local close <close> = setmetatable({}, {__close = function()
        print(timer:close())
      end})]])
  end)

  it("when clean-ups of tasks wait more than once", function()
    assert.equal(("true\tdirectory\ttrue\n"):rep(3), output_of [[
      for i = 1, 3 do
        ebb.spawn(function()
          local timer = uv.new_timer()
          local close <close> = setmetatable({}, {__close = function()
            local fired = timer:start(4 - i, 0)
            print(fired, uv.fs_stat("/").type, timer:close())
          end})
          timer:start(1000000, 0)
        end)
      end
      for _ = 1, 3 do ebb.yield_now() end]])
  end)

  it("when clean-ups are the first to use the loop", function()
    assert.equal("directory\n", output_of [[
      ebb.spawn(function()
        local close <close> = setmetatable({}, {__close = function()
          print(uv.fs_stat("/").type)
        end})
        ebb.sleep(math.huge)
      end)
      ebb.yield_now()]])
  end)

  it("when finalizers close handles, finalized or not", function()
    assert.equal("true\ttrue\ntrue\ttrue\n", output_of [[
      local meta = {__gc = function(self) print(pcall(uv.close, self.t)) end}
      old = setmetatable({}, meta)
      old.t = uv.new_timer()
      new = setmetatable({t = uv.new_timer()}, meta)]])
  end)

  it("when it is left by os.exit in a callback", function()
    local code, _, err = run [[
      local uv = require "ebb.uv"
      local timer = uv.new_timer()
      timer:start(0, 0, function()
        uv.fs_stat("/", error)
        timer:close(error)
        os.exit(3, true)
      end)
      uv.run()]]
    assert.same({3, ""}, {code, err})
  end)

  it("when a program could not be started", function()
    assert.matches("^nil\tENOENT", output_of [[
      print(uv.spawn("/no/such", {}))]])
  end)
end)

describe("a finalizer of a running program", function()
  it("may close a handle", function()
    assert.equal("true\ttrue\n0\n", output_of [[
      do
        local timer = uv.new_timer()
        timer:start(1000000, 0, error)
        setmetatable({}, {__gc = function()
          print(pcall(timer.close, timer))
        end})
      end
      collectgarbage()
      uv.run()
      local count = 0
      uv.walk(function() count = count + 1 end)
      print(count)]])
  end)
end)
