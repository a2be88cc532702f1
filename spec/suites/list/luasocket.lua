-- SPDX-License-Identifier: MIT
--
-- LuaSocket's tests that need no servers of others, with ebb.socket in the
-- place of LuaSocket, in a task. The large one is a client for a server of its
-- own, which runs in a process beside it.

local shell = require "suites.shell"

-- Each of them ends with an error if it fails, and goes on to its end if not.
local SCRIPTS <const> = {
  "excepttest.lua", "hello.lua", "ltn12test.lua", "mimetest.lua",
  "stufftest.lua", "test_bind.lua", "test_getaddrinfo.lua",
  "test_socket_error.lua", "udp-zero-length-send",
  "udp-zero-length-send-recv", "urltest.lua"
}

-- Its tests want a build with LUASOCKET_DEBUG, whose fourth result is how long
-- a call took. It waits for its server to listen.
local CLIENT_SETUP <const> = [[
local socket = require "socket"
socket._DEBUG = true
local probe
repeat probe = socket.connect("localhost", 8383) until probe
local methods = getmetatable(probe).__index
for _, name in ipairs {"send", "receive"} do
  local call = methods[name]
  methods[name] = function(...)
    local begun = socket.gettime()
    local result, message, partial = call(...)
    return result, message, partial, socket.gettime() - begun
  end
end
probe:close()
]]

-- The client prints a headline over each of its tests, and stops at the first
-- one that fails.
local function read_headlines(output, ended_well, report)
  local last
  for name in output:gmatch "testing: ([^\n]*)" do
    if last then report(last, "passed") end
    last = name
  end
  local done = ended_well and last and last:find "^done in"
  if done then return end
  report(last or "start", "failed")
end

-- Some networks answer for every address but this one. Since LuaSocket 3 a UDP
-- socket has no descriptor at first, which one test takes for closed.
local function prepare(directory)
  local test = directory .. "/test/"
  shell.change(test .. "testclnt.lua", "10%.0%.0%.1", "255.255.255.255")
  shell.change(test .. "utestclnt.lua", "\nactive_close%(%)\n", "\n")
end

local CLIENT <const> = {
  name = "testclnt.lua", words = {"testclnt.lua"}, server = {"testsrvr.lua"},
  setup = CLIENT_SETUP, read = read_headlines
}

-- This server ends with its first connection, so that it is not to be tried.
local UNIX_CLIENT_SETUP <const> = [[
local function is_listening()
  for line in io.lines "/proc/net/unix" do
    if line:find " 00010000 .* luasocket$" then return true end
  end
end
require "socket"._DEBUG = true
math.mod = math.fmod -- of Lua 5.0
repeat until is_listening()
]]

-- Its last tests wait for ever, also under stock.
local UNIX_CLIENT <const> = {
  name = "utestclnt.lua", words = {"utestclnt.lua"},
  server = {"utestsrvr.lua"}, setup = UNIX_CLIENT_SETUP,
  read = read_headlines, limit = 20
}

local function tests_in()
  local tests = {CLIENT, UNIX_CLIENT}
  for _, name in ipairs(SCRIPTS) do
    tests[#tests + 1] = {name = name, words = {name}}
  end
  return tests
end

return {
  name = "LuaSocket",
  sources = {
    {folder = "luasocket", file = "test/testclnt.lua",
     from = "github.com/lunarmodules/luasocket at v3.1.0"}
  },
  needs = {socket = "lua-socket"},
  with_ebb = 'require "ebb.socket".patch()',
  in_task = true,
  -- The select of ebb.socket does not have the limit that a test looks for
  -- where it can open so many sockets.
  run_by = {"sh", "-c", 'ulimit -n 1024 && exec "$@"', "sh"},
  directory = "test",
  prepare = prepare,
  tests = tests_in
}
