-- SPDX-License-Identifier: MIT

-- A line-chat server on `ebb.net`: who connects gives a name, and what he says
-- goes to all. Each guest has two tasks: one reads his lines; the other sends
-- him what is in his channel, so that one who is slow holds up nobody. He who
-- falls too far behind is shown out.
--
-- Run: ./dev run examples/12_chat.lua [PORT]
-- With a port it serves `nc 127.0.0.1 PORT` and the like until Ctrl-C. Without,
-- it plays a scene on a port that is free.
--
-- Prints:
--   to ada: * bob is here
--   to bob: ada: hello, bob
--   to ada: bob: hello!
--   to ada: * bob has left
--   nobody is there any more

local ebb = require "ebb"
local net, channel = ebb.net, ebb.sync.channel

local BEHIND <const> = 100  -- lines that may wait for a guest
local LENGTH <const> = 1000 -- of a line at most

local guests = {} -- name -> the sending end of his channel

local function tell_others(name, line)
  for other, outbox in pairs(guests) do
    if other ~= name and not outbox:try_send(line) then outbox:close() end
  end
end

-- Ends his connection, too, so that the task that reads ends.
local function send_lines(conn, inbox)
  for line in inbox.recv, inbox do
    if not conn:write(line, "\n") then break end
  end
  conn:close()
end

local function host(conn)
  local conn <close> = conn
  local name = conn:read("*l", LENGTH)
  if not name or guests[name] then return end
  local outbox, inbox = channel(BEHIND)
  local sender <close> = ebb.spawn(send_lines, conn, inbox)
  guests[name] = outbox
  tell_others(name, "* " .. name .. " is here")
  for line in conn:lines("*l", LENGTH) do
    tell_others(name, name .. ": " .. line)
  end
  guests[name] = nil
  tell_others(name, "* " .. name .. " has left")
end

-- Each guest in a task of his own, all of which end with the server.
local function serve(listener)
  local tasks <close> = ebb.JoinSet.new()
  for conn in listener.accept, listener do
    tasks:spawn(host, conn)
    while tasks:try_join_next() do end -- those who have left
  end
end

local listener = assert(net.listen("127.0.0.1", tonumber(arg[1]) or 0))
if arg[1] then return serve(listener) end

-- ---- the scene

local server <close> = ebb.spawn(serve, listener)
local _, port = listener:local_name()

local function enter(name)
  local conn = assert(net.connect("127.0.0.1", port))
  conn:write(name, "\n")
  return conn
end

local function hear(name, conn)
  print("to " .. name .. ": " .. conn:read "*l")
end

local ada = enter "ada"
while not guests.ada do ebb.yield_now() end
local bob = enter "bob"
hear("ada", ada)
ada:write "hello, bob\n"
hear("bob", bob)
bob:write "hello!\n"
hear("ada", ada)
bob:close()
hear("ada", ada)
ada:close()
while next(guests) do ebb.yield_now() end
print "nobody is there any more"
