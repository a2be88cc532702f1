-- LuaSocket's Unix sockets and serial lines stopped all tasks, also after
-- ebb.socket's patch().

local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local settle = ebb.yield_now

-- A path in which nothing is yet.
local function free_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

describe("after patch(), other tasks run while one waits for", function()
  local path, loaded, preload, objects

  before_each(function()
    loaded, preload = {}, {}
    for name, module in pairs(package.loaded) do loaded[name] = module end
    for name, open in pairs(package.preload) do preload[name] = open end
    require "ebb.socket".patch()
    path, objects = free_path(), {}
  end)
  after_each(function()
    for _, one in ipairs(objects) do one:close() end
    os.remove(path)
    for name in pairs(package.loaded) do package.loaded[name] = loaded[name] end
    for name in pairs(package.preload) do
      package.preload[name] = preload[name]
    end
  end)

  local function keep(object)
    objects[#objects + 1] = assert(object)
    return object
  end

  -- A task that calls a method, and has begun to wait.
  local function waiting(object, method, ...)
    local task = ebb.spawn(object[method], object, ...)
    settle()
    assert.is_false(task:is_finished())
    return task
  end

  for _, name in ipairs {"stream", "tcp"} do
    it("a Unix connection, and its lines: " .. name, function()
      local unix = require "socket.unix"
      local server, client = keep(unix[name]()), keep(unix())
      assert(server:bind(path))
      assert(server:listen())
      local accepting = waiting(server, "accept")
      assert(client:connect(path))
      local peer = keep(accepting:await())
      local reading = waiting(client, "receive")
      assert(peer:send "line\n")
      assert.equal("line", (reading:await()))
      peer:close()
      assert.equal("closed", select(2, client:receive()))
    end)
  end

  for _, name in ipairs {"dgram", "udp"} do
    it("a Unix datagram: " .. name, function()
      local unix = require "socket.unix"
      local server, client = keep(unix[name]()), keep(unix[name]())
      assert(server:bind(path))
      local reading = waiting(server, "receive")
      assert(client:connect(path))
      assert(client:send "datagram")
      assert.equal("datagram", (reading:await()))
    end)
  end

  it("a serial line", function()
    assert(os.execute("mkfifo " .. path))
    local line = keep(require "socket.serial"(path))
    local reading = waiting(line, "receive")
    local file <close> = assert(io.open(path, "w"))
    file:write("over\n")
    file:flush()
    assert.equal("over", (reading:await()))
  end)

  it("but a line that is not there is told", function()
    assert.is_nil((require "socket.serial"(path)))
  end)
end)
