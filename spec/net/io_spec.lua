-- ebb.io: waiting for file descriptors. Named pipes, opened for both reading
-- and writing, are what a plain script has of them: each is readable when
-- the other end, here too, has written to it.

local common = require "common"
local ebb = require "ebb"
local time = ebb.time
local error_of = common.error_of
local settle = ebb.yield_now

local directory

-- A pipe's two ends, unbuffered.
local function new_pipe()
  local path = directory .. "/pipe"
  assert(os.execute("mkfifo '" .. path .. "'"))
  local reader = assert(io.open(path, "r+"))
  local writer = assert(io.open(path, "r+"))
  reader:setvbuf("no")
  writer:setvbuf("no")
  os.remove(path)
  return reader, writer
end

-- An object that answers for a file.
local function wrap(methods)
  return setmetatable({}, {__index = methods})
end

describe("ebb.io.wait", function()
  local reader, writer

  setup(function()
    directory = os.tmpname()
    os.remove(directory)
    assert(os.execute("mkdir '" .. directory .. "'"))
  end)
  teardown(function() os.execute("rm -r '" .. directory .. "'") end)

  before_each(function()
    time.pause()
    reader, writer = new_pipe()
  end)
  after_each(function()
    pcall(time.resume)
    for _, file in ipairs {reader, writer} do
      if io.type(file) == "file" then file:close() end
    end
  end)

  it("tells at once what is ready", function()
    assert.equal("w", ebb.io.wait(writer, "w"))
    assert.equal("w", ebb.io.wait(writer, "rw"))
    writer:write "x"
    assert.equal("r", ebb.io.wait(reader, "r"))
    assert.equal("rw", ebb.io.wait(reader, "rw"))
    assert.equal("rw", ebb.io.wait(reader, "wr"))
  end)

  it("waits until something is written, while others run", function()
    local task = ebb.spawn(function()
      assert.equal("r", ebb.io.wait(reader, "r"))
      return reader:read(1)
    end)
    for _ = 1, 100 do settle() end
    assert.is_false(task:is_finished())
    writer:write "x"
    assert.equal("x", task:await())
  end)

  it("waits in the main chunk, too", function()
    ebb.spawn(function() writer:write "x" end)
    assert.equal("r", ebb.io.wait(reader, "r"))
  end)

  it("waits until there is room to write", function()
    assert.equal("w", ebb.io.wait(writer, "w"))
    local block, written = ("x"):rep(4096), 0
    while ebb.io.wait(writer, "w", 0) do
      writer:write(block)
      written = written + #block
    end
    local task = ebb.spawn(function() return ebb.io.wait(writer, "w") end)
    settle()
    assert.is_false(task:is_finished())
    assert.equal(written, #reader:read(written))
    assert.equal("w", task:await())
  end)

  it("tells again what has been left unread", function()
    writer:write "xyz"
    for _ = 1, 3 do
      assert.equal("r", ebb.io.wait(reader, "r"))
      reader:read(1)
    end
    assert.same({nil, "timeout"}, {ebb.io.wait(reader, "r", 1)})
  end)

  it("wakes everyone who waits for the same", function()
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = ebb.spawn(ebb.io.wait, reader, "r")
    end
    settle()
    writer:write "x"
    for i = 1, 3 do assert.equal("r", tasks[i]:await()) end
  end)

  it("gives up after a number of seconds", function()
    local begun = time.now()
    assert.same({nil, "timeout"}, {ebb.io.wait(reader, "r", 5)})
    assert.near(5, time.now() - begun, 1e-6)
  end)

  it("only looks when given no time", function()
    assert.same({nil, "timeout"}, {ebb.io.wait(reader, "r", 0)})
    writer:write "x"
    assert.equal("r", ebb.io.wait(reader, "r", 0))
  end)

  it("does not time out what is ready, though time jumps", function()
    local slow = ebb.spawn(ebb.io.wait, reader, "r", 1)
    settle()
    writer:write "x"
    assert.equal("r", slow:await())
  end)

  it("leaves no trace of a task that is aborted", function()
    local aborted = ebb.spawn(ebb.io.wait, reader, "r")
    local other = ebb.spawn(ebb.io.wait, reader, "r")
    settle()
    aborted:abort()
    writer:write "x"
    assert.is_true(select(2, aborted:join()):is_cancelled())
    assert.equal("r", other:await())
  end)

  it("works inside a generator and a callback", function()
    writer:write "ab"
    local generate = coroutine.wrap(function()
      for _ = 1, 2 do
        ebb.io.wait(reader, "r")
        coroutine.yield(reader:read(1))
      end
    end)
    local task = ebb.spawn(function()
      return generate() .. generate() .. ("x"):gsub("x", function()
        ebb.io.wait(reader, "r")
        return reader:read(1)
      end)
    end)
    settle()
    writer:write "c"
    assert.equal("abc", task:await())
  end)

  it("does not let one whose fd is always ready starve the others", function()
    writer:write "x"
    local done = false
    ebb.spawn(function() done = true end)
    while not done do ebb.io.wait(reader, "r") end
  end)

  it("does not let one who only looks starve the others", function()
    local done = false
    ebb.spawn(function() done = true end)
    while not done do ebb.io.wait(reader, "r", 0) end
  end)

  it("does not let one whose fd is closed starve the others", function()
    reader:close()
    local done = false
    ebb.spawn(function() done = true end)
    while not done do ebb.io.wait(reader, "r") end
  end)

  it("shows in the snapshot of tasks", function()
    local task <close> = ebb.spawn(ebb.io.wait, reader, "r")
    settle()
    for _, info in ipairs(ebb.tasks()) do
      if info.id == task:id() then
        assert.equal("an fd", info.waiting_for)
      end
    end
  end)

  it("is no deadlock, though nothing else can run", function()
    time.resume()
    local pipe <close> = assert(io.popen("read line; echo done", "r"))
    assert.equal("r", ebb.io.wait(pipe, "r"))
    assert.equal("done", pipe:read "l")
  end)

  describe("of a closed file", function()
    it("tells so", function()
      reader:close()
      assert.same({nil, "closed"}, {ebb.io.wait(reader, "r")})
    end)

    it("is ended by ebb.io.forget", function()
      local read = ebb.spawn(ebb.io.wait, reader, "r")
      local either = ebb.spawn(ebb.io.wait, reader, "r", 1000)
      settle()
      ebb.io.forget(reader)
      reader:close()
      assert.same({true, nil, "closed"}, {read:join()})
      assert.same({true, nil, "closed"}, {either:join()})
    end)

    it("does no harm when nobody tells of it", function()
      for _ = 1, 50 do
        local waiter = ebb.spawn(ebb.io.wait, reader, "r", 1000)
        settle()
        reader:close()
        writer:write "x"
        writer:close()
        reader, writer = new_pipe()
        local next = ebb.spawn(ebb.io.wait, reader, "r")
        settle()
        assert.is_false(next:is_finished())
        writer:write "x"
        assert.equal("r", next:await())
        waiter:abort()
        waiter:join()
      end
    end)
  end)

  describe("of an object", function()
    it("asks getfd", function()
      local closed = wrap {getfd = function() return -1 end}
      assert.same({nil, "closed"}, {ebb.io.wait(closed, "r")})
      local output = wrap {getfd = function() return 1 end}
      assert.equal("w", ebb.io.wait(output, "w"))
      local float = wrap {getfd = function() return 1.0 end}
      assert.equal("w", ebb.io.wait(float, "w"))
    end)

    it("asks a plain table as well", function()
      assert.equal("w", ebb.io.wait({getfd = function() return 1 end}, "w"))
    end)

    it("asks whether it has read ahead", function()
      local object = wrap {
        getfd = function() return -1 end,
        dirty = function() return true end
      }
      assert.equal("r", ebb.io.wait(object, "r"))
      assert.equal("r", ebb.io.wait(object, "rw"))
      assert.same({nil, "closed"}, {ebb.io.wait(object, "w")})
    end)

    it("asks pollfd, events and timeout", function()
      local begun = time.now()
      local object = wrap {
        pollfd = function() return 1 end,
        events = function() return "w" end,
        timeout = function() return 7 end
      }
      assert.equal("w", ebb.io.wait(object))
      object.events = function() end
      assert.same({nil, "timeout"}, {ebb.io.wait(object)})
      assert.near(7, time.now() - begun, 1e-6)
    end)

    it("waits for the shorter of both times", function()
      local begun = time.now()
      local object = wrap {
        pollfd = function() end,
        timeout = function() return 7 end
      }
      assert.same({nil, "timeout"}, {ebb.io.wait(object, nil, 3)})
      assert.near(3, time.now() - begun, 1e-6)
      assert.same({nil, "timeout"}, {ebb.io.wait(object, "r", 30)})
      assert.near(10, time.now() - begun, 1e-6)
      object.timeout = function() return math.huge end
      assert.same({nil, "timeout"}, {ebb.io.wait(object, nil, 1)})
    end)

    it("may itself wait in its methods", function()
      local object = wrap {
        getfd = function()
          ebb.sleep(1)
          return 1
        end
      }
      assert.equal("w", ebb.spawn(ebb.io.wait, object, "w"):await())
    end)
  end)

  describe("names the argument when", function()
    for name, case in pairs {
      ["there is none"] = {1},
      ["it is a table without methods"] = {1, {}, "r"},
      ["it is a string"] = {1, "x", "r"},
      ["it is a fraction"] = {1, 1.5, "r"},
      ["the events are missing"] = {2, 1},
      ["the events are others"] = {2, 1, "x"},
      ["the events are empty"] = {2, 1, ""},
      ["the time is negative"] = {3, 1, "r", -1},
      ["the time is no number"] = {3, 1, "r", "soon"},
    } do
      it(name, function()
        local err = error_of(function()
          ebb.io.wait(table.unpack(case, 2))
        end)
        assert.matches("bad argument #" .. case[1], err, 1, true)
      end)
    end
  end)
end)

describe("ebb.io.forget", function()
  it("does nothing for what nobody waited for", function()
    ebb.io.forget(12345)
    ebb.io.forget(-1)
  end)

  it("names the argument when it has no fd", function()
    assert.matches("bad argument #1", error_of(ebb.io.forget, {}), 1, true)
  end)
end)
