-- Servers and libraries of others that a spec needs: what is missing, and
-- processes that are started on 127.0.0.1 and stopped again.

local command = require "command"

local programs = {}

local function has_module(name)
  return package.loaded[name] or package.searchpath(name, package.path) or
         package.searchpath(name, package.cpath)
end

local function has_program(name)
  return os.execute("command -v '" .. name .. "' >/dev/null 2>&1")
end

-- Debian has these for Lua 5.2 and 5.3 only, but they are plain Lua and run
-- under 5.4 as well, too.
function programs.use_older_modules()
  for _, version in ipairs {"5.3", "5.2"} do
    local path = ("/usr/share/lua/%s/?.lua"):format(version)
    if not package.path:find(path, 1, true) then
      package.path = package.path .. ";" .. path
    end
  end
end

-- `wanted` maps modules, and programs behind a "!", to Debian packages. Nil
-- when all are there, or else what to tell the reader of a pending test.
function programs.missing(wanted)
  local missing = {}
  for name, package_name in pairs(wanted) do
    local program = name:match "^!(.*)"
    local found = program and has_program(program) or
                  not program and has_module(name)
    if not found then missing[#missing + 1] = package_name end
  end
  if not missing[1] then return nil end
  table.sort(missing)
  return "is skipped: install the Debian package " ..
         table.concat(missing, " and the package ")
end

local Process = {}
Process.__index = Process

-- The process ends even if the spec does not get to stop it. It is not to
-- have the sanitizers that the interpreter was given.
local PREFIX <const> = "echo $$; exec env -u LD_PRELOAD timeout 200 "

-- Starts a command, given as a list of words, and returns when it has printed
-- a line that the pattern `ready` matches; `found` is what that captures.
function programs.start(words, ready)
  local pipe = assert(io.popen(PREFIX .. command.line(words) .. " 2>&1", "r"))
  local process = setmetatable({
    pipe = pipe, pid = pipe:read "n", output = {}
  }, Process)
  for line in pipe:lines() do
    process.found = line:match(ready)
    if process.found then return process end
    process.output[#process.output + 1] = line
  end
  error(words[1] .. " has ended:\n" .. table.concat(process.output, "\n"))
end

function Process:stop()
  os.execute("kill " .. self.pid)
  self.pipe:close()
end

-- A port that nobody uses now.
function programs.free_port()
  local server = assert(require "socket.core".tcp4())
  assert(server:bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return tostring(math.tointeger(port))
end

-- A new directory for files of a spec.
function programs.directory()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir " .. command.quote(path)))
  return path
end

-- Writes a file, and gives its path.
function programs.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  return path
end

function programs.remove(directory)
  os.execute("rm -r " .. command.quote(directory))
end

-- ---- the servers that more than one spec needs

local HTTP_SERVER <const> = [[
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
server = Server(("127.0.0.1", 0), Handler)
print("port", server.server_address[1], flush=True)
server.serve_forever()
]]

-- Serves the files of a directory; `found` is its port.
function programs.http_server(directory)
  local words = {
    "sh", "-c", 'cd "$0" && exec python3 -c "$1"', directory, HTTP_SERVER
  }
  return programs.start(words, "^port (%d+)")
end

-- Speaks HTTPS; `found` is its port. Its certificate comes to be in the file
-- "certificate" of the directory.
function programs.tls_server(directory)
  local key, certificate = directory .. "/key", directory .. "/certificate"
  assert(os.execute(("env -u LD_PRELOAD openssl req -x509 -newkey " ..
    "rsa:2048 -nodes -keyout %s -out %s -days 2 -subj /CN=localhost " ..
    "2>/dev/null"):format(key, certificate)))
  local port = programs.free_port()
  local process = programs.start({
    "openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-key", key,
    "-cert", certificate, "-www"
  }, "^ACCEPT")
  process.found = port
  return process
end

function programs.redis_server(directory)
  local port = programs.free_port()
  local process = programs.start({
    "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "",
    "--dir", directory
  }, "Ready to accept connections")
  process.found = port
  return process
end

return programs
