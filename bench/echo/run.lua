-- SPDX-License-Identifier: MIT

-- CPU time that an echo server takes for a request: 64 connections play
-- ping-pong with 64 bytes. The server has one core, the client another.
-- bench/README.md says how to read it.
--
--   lua5.4 bench/echo/run.lua [--quick]        (or: ./dev bench echo)

local CONNECTIONS <const> = 64
local ROUNDS <const>, SECONDS <const> = 21, 0.5
local TARGET <const> = 1.16 -- of what the bare loop takes

local dir = arg[0]:match "^(.*/)" or "./"
local quick = arg[1] == "--quick"
local scratch = os.tmpname()
os.remove(scratch)

local function sh(format, ...)
  local command = format:format(...)
  assert(os.execute(command), command)
end

local function can(command)
  return os.execute(command .. " >/dev/null 2>&1") == true
end

local function on_core(core)
  return can "taskset -c 1 true" and "taskset -c " .. core .. " " or ""
end

local servers = {
  {name = "bare", command = scratch .. "/bare"},
  {name = "ebb", command = "lua5.4 " .. dir .. "ebb.lua"},
  {name = "luv", command = "lua5.4 " .. dir .. "luv.lua",
   missing = not can "lua5.4 -l luv -e 'os.exit(0)'" and "lua-luv"}
}

-- Microseconds of the server's CPU for a request.
local function measure(server)
  local pipe <close> = assert(io.popen(on_core(0) .. server.command))
  local port = assert(pipe:read "l", server.name .. " does not start")
  local client <close> = assert(io.popen(("%s%s/client %s %d %g"):format(
    on_core(1), scratch, port, CONNECTIONS, quick and 0.3 or SECONDS)))
  local answered = assert(client:read "n", "the client has failed")
  return pipe:read "n" / answered * 1e6
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- The servers take turns, so that what else happens hits them all; a ratio
-- is the median of the rounds'.
local function run()
  local figures, ratios = {}, {}
  for _, server in ipairs(servers) do
    figures[server.name], ratios[server.name] = {}, {}
  end
  for round = 1, quick and 3 or ROUNDS do
    for _, server in ipairs(servers) do
      if not server.missing then
        local us = measure(server)
        figures[server.name][round] = us
        ratios[server.name][round] = us / figures.bare[round]
      end
    end
  end
  return figures, ratios
end

sh("mkdir '%s'", scratch)
for _, name in ipairs {"bare", "client"} do
  sh("cc -O2 -D_GNU_SOURCE -o '%s/%s' '%s%s.c'", scratch, name, dir, name)
end
local ok, figures, ratios = pcall(run)
sh("rm -r '%s'", scratch)
assert(ok, figures)

print "us of CPU per request; of the bare loop in C"
for _, server in ipairs(servers) do
  if server.missing then
    print(("  %-5s (install %s)"):format(server.name, server.missing))
  else
    -- The bare figures stay in the order of rounds until here.
    print(("  %-5s %6.2f  %5.2f"):format(server.name,
      median(figures[server.name]), median(ratios[server.name])))
  end
end
local reached = median(ratios.ebb) <= TARGET
print(("target: ebb at most %.2f: %s"):format(TARGET,
                                              reached and "ok" or "MISSED"))
os.exit(reached)
