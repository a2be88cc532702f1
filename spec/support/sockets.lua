-- Sockets on 127.0.0.1 and their ends.

local ebb = require "ebb"
local lfs = require "lfs" -- which busted needs, too
local net = ebb.net

local sockets = {HOST = "127.0.0.1"}

-- As many turns as the loop needs to look at file descriptors for sure.
function sockets.settle_all()
  for _ = 1, 130 do ebb.yield_now() end
end

function sockets.listen()
  local listener = assert(net.listen(sockets.HOST, 0))
  local _, port = listener:local_name()
  return listener, port
end

-- The two ends of a TCP connection.
function sockets.tcp_pair()
  local listener <close>, port = sockets.listen()
  local accept = ebb.spawn(listener.accept, listener)
  local client = assert(net.connect(sockets.HOST, port))
  return client, assert(accept:await())
end

function sockets.count_fds()
  local n = 0
  for _ in lfs.dir "/proc/self/fd" do n = n + 1 end
  return n
end

-- A task that answers each connection with f(conn), in a task of its own.
function sockets.serve(listener, f)
  return ebb.spawn(function()
    local conns <close> = ebb.JoinSet.new()
    for conn in listener.accept, listener do
      conns:spawn(function()
        local conn <close> = conn
        f(conn)
      end)
    end
  end)
end

function sockets.echo(conn)
  for data in function() return conn:read_some() end do conn:write(data) end
end

-- A connection of LuaSocket: the end that is tested, made by `module`, and the
-- other one, which sends without blocking what fits into the system's buffers.
function sockets.pair_of(module)
  local server = assert(require "socket".bind(sockets.HOST, 0))
  local _, port = server:getsockname()
  local client = assert(module.connect(sockets.HOST, port))
  local peer = assert(server:accept())
  server:close()
  peer:settimeout(0)
  return client, peer
end

-- What makes the two ends of a connection, by its kind.
sockets.PAIRS = {TCP = sockets.tcp_pair, Unix = net.pair}

return sockets
