-- A second task that waited for a handle of luv got EALREADY, and its callback
-- took the place of the first one's, which waited for ever, while the data were
-- lost. A task that waited for a handle which others stopped, or in uv.listen
-- for one that they closed, waited for ever as well.

local ebb = require "ebb"
local uv = require "ebb.uv"

local CANCELED <const> = {true, nil, "ECANCELED: operation canceled",
                          "ECANCELED"}

local function pair()
  local fds = uv.socketpair()
  local mine, theirs = uv.new_tcp(), uv.new_tcp()
  assert(mine:open(fds[1]))
  assert(theirs:open(fds[2]))
  return mine, theirs
end

local function settle()
  for _ = 1, 5 do ebb.yield_now() end
end

describe("a handle of luv that several wait for", function()
  local mine, theirs

  before_each(function() mine, theirs = pair() end)
  after_each(function()
    if not mine:is_closing() then mine:close() end
    theirs:close()
  end)

  local function spawn_readers(n)
    local tasks = {}
    for i = 1, n do tasks[i] = ebb.spawn(uv.read_start, mine) end
    settle()
    return tasks
  end

  it("gives them an event each, in their order", function()
    local tasks = spawn_readers(3)
    for i, task in ipairs(tasks) do
      theirs:write(tostring(i))
      assert.equal(tostring(i), task:await())
    end
  end)

  it("passes over those that were aborted", function()
    local tasks = spawn_readers(3)
    tasks[1]:abort()
    tasks[2]:abort()
    theirs:write "3"
    assert.equal("3", tasks[3]:await())
  end)

  it("tells them all that it is closed", function()
    local tasks = spawn_readers(3)
    mine:close()
    for _, task in ipairs(tasks) do assert.same(CANCELED, {task:join()}) end
  end)

  it("tells the one that waits that it is stopped", function()
    local tasks = spawn_readers(2)
    mine:read_stop()
    assert.same(CANCELED, {tasks[1]:join()})
    theirs:write "for the second"
    assert.equal("for the second", tasks[2]:await())
  end)

  it("tells the one that waits that a callback has it now", function()
    local timer = uv.new_timer()
    local task = ebb.spawn(timer.start, timer, 1000000, 0)
    settle()
    timer:start(1000000, 0, error)
    assert.same(CANCELED, {task:join()})
    timer:close()
  end)

  it("leaves its data to the callback that reads", function()
    local got = {}
    mine:read_start(function(_, data) got[#got + 1] = data end)
    local _, _, code = mine:read_start()
    assert.equal("EALREADY", code)
    theirs:write "data"
    while #got == 0 do ebb.yield_now() end
    assert.same({"data"}, got)
  end)

  it("tells those that listen that it is closed", function()
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    local tasks = {}
    for i = 1, 2 do tasks[i] = ebb.spawn(server.listen, server, 8) end
    settle()
    server:close()
    for _, task in ipairs(tasks) do assert.same(CANCELED, {task:join()}) end
  end)
end)
