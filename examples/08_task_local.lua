-- Task locals: a value that a task has for itself, here the id of the request
-- that it serves. Any function that it calls can ask for it, so that each line
-- of the log says whose it is, and nobody passes the id along.
--
-- Run: ./dev run examples/08_task_local.lua
--
-- Prints:
--   [-] server: 3 requests
--   [A7] api: GET /soup
--   [B3] api: GET /tea
--   [C1] api: GET /roast
--   [B3] database: found tea
--   [B3] api: goodbye
--   [A7] database: found soup
--   [A7] api: goodbye
--   [-] server: B3 is served
--   [-] server: A7 is served
--   [C1] api: goodbye
--   [-] server: C1 has given up

local ebb = require "ebb"
ebb.time.pause() -- virtual time: nobody need wait an hour for the roast

local request_id = ebb.task_local "request_id"

local function log(where, ...)
  local id = request_id:try_get() or "-" -- nil outside of a scope
  print(("[%s] %s: %s"):format(id, where, string.format(...)))
end

local function find(dish, seconds)
  ebb.sleep(seconds) -- the other tasks run, each with its own id
  log("database", "found %s", dish)
end

local function serve(dish, seconds)
  local bye <close> = setmetatable({}, {__close = function()
    log("api", "goodbye") -- also when the task is aborted
  end})
  log("api", "GET /%s", dish)
  find(dish, seconds)
end

local map <close> = ebb.JoinMap.new()

-- The whole body of the task runs with the value in force.
local function request(id, dish, seconds)
  map:spawn(id, request_id.scope, request_id, id, serve, dish, seconds)
end

request("A7", "soup", 2)
request("B3", "tea", 1)
request("C1", "roast", 3600)
log("server", "%d requests", #map)
ebb.sleep(5)
map:abort("C1")
for id, ok in map.join_next, map do
  log("server", "%s %s", id, ok and "is served" or "has given up")
end
