-- The rooms of src/: a file includes and calls files of its own room and of
-- rooms of a lower rank. Ranks are compared within a wing, core or lua; lua may
-- use all of core, and core nothing of lua. A file right in a wing is a room.
--
-- What a file shares with others is named by its room's prefix and its own
-- stem: ebb_lua_net_ and conn make ebb_lua_net_conn_close.

local rooms = {}

local list = {
  {room = "core/base", rank = 1, prefix = "ebb_"},
  {room = "core/os", rank = 2, prefix = "ebb_"},
  {room = "core/task", rank = 2, prefix = "ebb_"},
  {room = "core/loop", rank = 3, prefix = "ebb_"},
  {room = "core/sync", rank = 4, prefix = "ebb_"},
  {room = "core/spawn", rank = 4, prefix = "ebb_"},
  {room = "lua/state", rank = 1, prefix = "ebb_lua_"},
  {room = "lua/task", rank = 5, prefix = "ebb_lua_"},
  {room = "lua/sync", rank = 6, prefix = "ebb_lua_"},
  {room = "lua/remote", rank = 6, prefix = "ebb_lua_"},
  {room = "lua/net", rank = 6, prefix = "ebb_lua_net_"},
  {room = "lua/library", rank = 6, prefix = "ebb_lua_"},
  {room = "lua/spawn", rank = 7, prefix = "ebb_lua_"},
  {room = "lua/join", rank = 8, prefix = "ebb_lua_"},
  {room = "lua/time", rank = 8, prefix = "ebb_lua_"},
  {room = "lua/runtime", rank = 8, prefix = "ebb_lua_"},
  {room = "lua/close", rank = 9, prefix = "ebb_lua_"},
  {room = "lua/module", rank = 10, prefix = "ebb_lua_"},
}

-- Files whose names do not begin with their stem, or not all.
local stems = {
  ["core/os/reactor_epoll"] = {"ebb_reactor"},
  ["lua/net/net"] = {"ebb_lua_net"},
  ["lua/net/open"] = {"ebb_lua_net"},
  ["lua/sync/open"] = {"ebb_lua_sync"},
  ["lua/task/wait"] = {"ebb_lua_wait", "ebb_lua_await"},
}

local by_name = {}
for _, room in ipairs(list) do by_name[room.room] = room end

-- The room of a file, by its path below src: "core/base/list.h". One that is in
-- no room is nil.
function rooms.of(path)
  return by_name[path:match "^(.*)/[^/]*$"] or by_name[path:gsub("%.%w+$", "")]
end

local function wing(room) return room.room:match "^%w+" end

function rooms.may_use(from, to)
  if from == to then return true end
  if wing(from) ~= wing(to) then return wing(from) == "lua" end
  return to.rank < from.rank
end

-- An array of what the external names of a file may begin with.
function rooms.stems(path)
  local stem = path:gsub("%.%w+$", "")
  return stems[stem] or {rooms.of(path).prefix .. stem:match "[^/]*$"}
end

return rooms
