-- ebb.io.select: one wait for any number of objects, here of pipes.

local common = require "common"
local ebb = require "ebb"
local pipe = require "pipe"
local process = require "process"

local time = ebb.time
local error_of = common.error_of
local settle = ebb.yield_now
local select_fds = ebb.io.select

local COUNT <const> = 10

-- So many looks outlast every short wait.
local function look_often()
  for _ = 1, 20 do ebb.sleep(1) end
end

describe("ebb.io.select", function()
  local readers, writers

  before_each(function()
    time.pause()
    readers, writers = pipe.new(COUNT)
  end)
  after_each(function()
    time.resume()
    for i = 1, COUNT do
      if io.type(readers[i]) == "file" then readers[i]:close() end
      writers[i]:close()
    end
  end)

  local function write() writers[3]:write "x" end

  -- Calls f(task) with one that waits since a moment, and since long.
  local function with_waiting(f, ...)
    for _, wait in ipairs {settle, look_often} do
      local task = ebb.spawn(select_fds, ...)
      wait()
      assert.is_false(task:is_finished())
      f(task)
    end
  end

  -- A select of the list ends by what is written to the third, as expected.
  local function assert_woken(expected, list)
    with_waiting(function(task)
      write()
      assert.same({true, expected, {}}, {task:join()})
      readers[3]:read(1)
    end, list)
  end

  it("tells at once what is ready, in the order of the lists", function()
    writers[7]:write "x"
    writers[2]:write "x"
    local list = {readers[7], readers[1], readers[2]}
    assert.same({{readers[7], readers[2]}, {}}, {select_fds(list)})
    assert.same({{readers[2]}, {writers[1], writers[1]}},
                {select_fds({readers[2]}, {writers[1], writers[1]})})
    assert.same({{}, {writers[1]}}, {select_fds(nil, {writers[1]})})
    assert.same({{readers[2]}, {readers[2]}},
                {select_fds({readers[2]}, {readers[2]})})
  end)

  it("waits until one of them is ready", function()
    assert_woken({readers[3]}, readers)
  end)

  it("waits for one alone", function()
    local twice = {readers[3], readers[3]}
    assert_woken({readers[3]}, {readers[3]})
    assert_woken(twice, twice)
  end)

  it("is one wait of one task", function()
    local before = #ebb.tasks()
    local task <close> = ebb.spawn(select_fds, readers)
    settle()
    local tasks = ebb.tasks()
    assert.equal(before + 1, #tasks)
    for _, info in ipairs(tasks) do
      if info.id == task:id() then assert.equal("fds", info.waiting_for) end
    end
  end)

  it("gives up after a number of seconds", function()
    local begun = time.now()
    assert.same({nil, "timeout"}, {select_fds(readers, nil, 5)})
    assert.same({nil, "timeout"}, {select_fds({}, {}, 2)})
    assert.same({nil, "timeout"}, {select_fds(nil, nil, 1)})
    assert.near(8, time.now() - begun, 1e-6)
  end)

  it("only looks when given no time", function()
    assert.same({nil, "timeout"}, {select_fds(readers, nil, 0)})
    write()
    assert.same({{readers[3]}, {}}, {select_fds(readers, nil, 0)})
  end)

  it("does not time out what is ready, though time jumps", function()
    local slow = ebb.spawn(select_fds, readers, nil, 1)
    settle()
    write()
    assert.same({readers[3]}, (slow:await()))
  end)

  it("leaves no trace of a task that is aborted", function()
    ebb.sleep(1)
    local files = process.files()
    with_waiting(function(task)
      task:abort()
      assert.is_true(select(2, task:join()):is_cancelled())
    end, readers)
    ebb.sleep(1)
    assert.equal(files, process.files())
  end)

  it("wakes everyone who waits for the same", function()
    local tasks = {}
    for i = 1, 3 do tasks[i] = ebb.spawn(select_fds, readers) end
    settle()
    write()
    for i = 1, 3 do assert.same({readers[3]}, (tasks[i]:await())) end
  end)

  it("goes on when another task has taken what there was", function()
    local first = ebb.spawn(function()
      select_fds(readers)
      return readers[3]:read(1)
    end)
    local second = ebb.spawn(select_fds, readers)
    settle()
    write()
    assert.equal("x", first:await())
    settle()
    assert.is_false(second:is_finished())
    writers[5]:write "x"
    assert.same({readers[5]}, (second:await()))
  end)

  it("works in generators, callbacks and the main chunk", function()
    local function read_one()
      return select_fds(readers)[1]:read(1)
    end
    local generate = coroutine.wrap(function()
      while true do coroutine.yield(read_one()) end
    end)
    local task = ebb.spawn(function()
      return generate() .. ("-"):gsub("-", read_one) .. read_one()
    end)
    for i, letter in ipairs {"a", "b", "c"} do
      settle()
      writers[i]:write(letter)
      look_often()
    end
    assert.equal("abc", task:await())
    ebb.spawn(function() writers[9]:write "d" end)
    assert.equal("d", read_one())
  end)

  it("does not let one whose fds are always ready starve others", function()
    local done = false
    ebb.spawn(function() done = true end)
    while not done do select_fds(nil, writers) end
  end)

  it("does not let one who only looks starve the others", function()
    local done = false
    ebb.spawn(function() done = true end)
    while not done do select_fds(readers, nil, 0) end
  end)

  it("is no deadlock, though nothing else can run", function()
    time.resume()
    local program <close> = assert(io.popen("read line; echo done", "r"))
    local list = {program, readers[1]}
    assert.same({program}, (select_fds(list)))
    assert.equal("done", program:read "l")
    time.pause()
  end)

  it("is a deadlock when there is nothing to wait for", function()
    assert.matches("deadlock", error_of(select_fds, {}, {}))
  end)

  it("takes the lists as they were", function()
    local list = {readers[1], readers[3]}
    local task = ebb.spawn(select_fds, list)
    settle()
    list[1], list[2] = nil, nil
    write()
    assert.same({readers[3]}, (task:await()))
  end)

  it("passes over what is closed, or is closed meanwhile", function()
    readers[1]:close()
    local task = ebb.spawn(select_fds, readers)
    settle()
    ebb.io.forget(readers[2])
    readers[2]:close()
    settle()
    readers[4]:close()
    look_often()
    ebb.io.forget(readers[5])
    readers[5]:close()
    look_often()
    assert.is_false(task:is_finished())
    write()
    assert.same({readers[3]}, (task:await()))
  end)

  describe("of objects", function()
    local function object(file, methods)
      function methods.getfd()
        return methods.fd or file and 1 or -1
      end
      return methods
    end

    it("has those first that have read ahead", function()
      local dirty, asked = object(true, {dirty = function() return true end}), 0
      local clean = object(true, {
        dirty = function()
          asked = asked + 1
          return false
        end
      })
      local closed = object(nil, {dirty = function() return true end})
      write()
      local list = {readers[3], dirty, clean, closed, dirty}
      local readable, writable = select_fds(list, {dirty})
      assert.equal(dirty, readable[1])
      assert.equal(dirty, readable[2])
      assert.equal(readers[3], readable[3])
      assert.same({dirty}, writable)
      assert.equal(1, asked)
    end)

    it("asks again when another task has read", function()
      local listener <close> = assert(ebb.net.listen("127.0.0.1", 0))
      local ahead = false
      local reading = {
        getfd = function() return listener:getfd() end,
        dirty = function() return ahead end
      }
      ebb.spawn(function()
        select_fds(readers)
        readers[3]:read(1)
        ahead = true
      end)
      local task = ebb.spawn(select_fds, {readers[3], reading})
      settle()
      write()
      assert.same({reading}, (task:await()))
    end)

    it("may wait in their methods", function()
      local slow = {
        getfd = function()
          ebb.sleep(1)
          return 1
        end
      }
      local task = ebb.spawn(select_fds, nil, {slow})
      assert.same({slow}, select(2, task:await()))
    end)
  end)

  describe("names the argument when", function()
    for name, case in pairs {
      ["the first is no list"] = {1, 1},
      ["the second is no list"] = {2, nil, "x"},
      ["there is a table without methods"] = {1, {1, {}}},
      ["there is a string"] = {2, {1}, {"x"}},
      ["there is a fraction"] = {1, {1.5}},
      ["the time is negative"] = {3, {}, {}, -1},
      ["the time is no number"] = {3, {}, {}, "soon"},
      ["there is one too many"] = {4, {}, {}, 1, 1}
    } do
      it(name, function()
        local err = error_of(function()
          select_fds(table.unpack(case, 2, 5))
        end)
        assert.matches("bad argument #" .. case[1], err, 1, true)
      end)
    end
  end)
end)
