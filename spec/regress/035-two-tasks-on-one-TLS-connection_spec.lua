-- Two tasks that sent on one TLS connection of ebb.ssl each went on with the
-- other's record: "bad length", and then a loop without end.

local ebb = require "ebb"
local programs = require "programs"
local two_tasks = require "two_tasks"

local missing = programs.missing {
  ["socket.core"] = "lua-socket", ssl = "lua-sec", ["!openssl"] = "openssl"
}
if missing then return pending("ebb.ssl " .. missing) end

local socket = require "ebb.socket"
local ssl = require "ebb.ssl"

local function certify(directory)
  local key, certificate = directory .. "/key", directory .. "/certificate"
  assert(os.execute(("env -u LD_PRELOAD openssl req -x509 -newkey " ..
    "rsa:2048 -nodes -keyout %s -out %s -days 2 -subj /CN=localhost " ..
    "2>/dev/null"):format(key, certificate)))
  return {mode = "server", protocol = "any", key = key,
          certificate = certificate}
end

describe("of two tasks with one TLS connection", function()
  local directory, client, peer

  before_each(function()
    directory = programs.directory()
    local config = certify(directory)
    local server <close> = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local raw = assert(socket.connect("127.0.0.1", port))
    client = assert(ssl.wrap(raw, {mode = "client", protocol = "any"}))
    peer = assert(ssl.wrap(assert(server:accept()), config))
    local shaking = ebb.spawn(client.dohandshake, client)
    assert(peer:dohandshake())
    assert(shaking:await())
  end)
  after_each(function()
    client:close()
    peer:close()
    programs.remove(directory)
  end)

  for title, check in pairs(two_tasks) do
    it(title, function() check(client, peer) end)
  end
end)
