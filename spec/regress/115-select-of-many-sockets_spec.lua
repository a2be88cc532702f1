-- A waiting socket.select of ebb.socket made a task for each of its sockets,
-- which cost 13 times what LuaSocket's does for 500 of them.

local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local process = require "process"
local socket = require "ebb.socket"

local COUNT <const> = 100

local function new_sockets()
  local sockets = {}
  for i = 1, COUNT do
    sockets[i] = assert(socket.udp4())
    assert(sockets[i]:setsockname("127.0.0.1", 0))
  end
  return sockets
end

describe("select of many sockets", function()
  local sockets

  before_each(function()
    ebb.time.pause()
    sockets = new_sockets()
  end)
  after_each(function()
    for _, sock in ipairs(sockets) do sock:close() end
    ebb.time.resume()
  end)

  it("is one wait of one task", function()
    local before = #ebb.tasks()
    local waiting = ebb.spawn(socket.select, sockets, nil)
    ebb.yield_now()
    assert.is_false(waiting:is_finished())
    assert.equal(before + 1, #ebb.tasks())
    waiting:abort()
    waiting:join()
  end)

  it("is woken by any one of them", function()
    local sender <close> = assert(socket.udp4())
    for i = 1, COUNT do
      local waiting = ebb.spawn(socket.select, sockets, nil)
      for _ = 1, i % 10 do ebb.sleep(1) end
      assert.is_false(waiting:is_finished())
      sender:sendto("x", sockets[i]:getsockname())
      assert.equal(sockets[i], waiting:await()[1])
      sockets[i]:receive()
    end
  end)

  it("leaves no file descriptor behind, however it ends", function()
    ebb.sleep(1)
    local before = process.files()
    for looks = 0, 9 do
      local waiting = ebb.spawn(socket.select, sockets, nil)
      ebb.yield_now()
      for _ = 1, looks do ebb.sleep(1) end
      waiting:abort()
      waiting:join()
      local _, _, err = socket.select(sockets, nil, looks)
      assert.equal("timeout", err)
    end
    ebb.sleep(1)
    assert.equal(before, process.files())
  end)
end)
