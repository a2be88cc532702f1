-- SPDX-License-Identifier: MIT

-- Fetches a page, the pages of the same host that it links to, and so on, by
-- LuaSocket's own `socket.http`: `ebb.socket.patch()` makes it concurrent. A
-- JoinMap with a `max_tasks` bounds how many are under way; a page that fails
-- is tried again. Ctrl-C aborts the rest; the table is printed then, too.
--
-- Run: ./dev run examples/13_crawler.lua URL [PAGES]
-- It needs the Debian package lua-socket, and lua-sec for https.

local ebb = require "ebb"
local time = ebb.time

local FIRST <const>, PAGES <const> = arg[1], tonumber(arg[2] or 100)
if not FIRST then
  io.stderr:write "usage: crawler.lua URL [PAGES]\n"
  os.exit(1)
end

require "ebb.socket".patch()
local http, url = require "socket.http", require "socket.url"

local AT_ONCE <const> = 16
local TRIES <const> = 3
http.TIMEOUT = 10 -- seconds, for each wait

local on_terminal <const> = os.execute "test -t 2"
local queue, seen, rows = {}, {}, {}
local begun <const> = time.now()

local function enqueue(address)
  if seen[address] or #queue >= PAGES then return end
  seen[address] = true
  queue[#queue + 1] = address
end

-- The page, the code of the answer, and how often it was asked for.
local function fetch(address)
  for try = 1, TRIES do
    local body, code = http.request(address)
    if body and code < 500 then return body, code, try end
    if try == TRIES then return "", code, try end
    time.sleep(0.1 * 2 ^ try)
  end
end

local function links(address, page)
  local host = url.parse(FIRST).authority
  for link in page:gmatch "[hH][rR][eE][fF]%s*=%s*[\"']([^\"'#]+)" do
    local target = url.parse(url.absolute(address, link))
    target.fragment = nil
    if target.authority == host then enqueue(url.build(target)) end
  end
end

local function add_row(address, code, bytes, tries)
  rows[#rows + 1] = {address = address, code = code, bytes = bytes,
                     tries = tries}
  if not on_terminal then return end
  io.stderr:write(("\r%d of %d pages, %.1f s\27[K"):format(
    #rows, #queue, time.now() - begun))
end

local function visit(address)
  local page, code, tries = fetch(address)
  links(address, page)
  add_row(address, code, #page, tries)
end

local function print_table()
  if on_terminal then io.stderr:write "\r\27[K" end
  table.sort(rows, function(a, b) return a.address < b.address end)
  print(("%-8s %9s %5s  %s"):format("result", "bytes", "tries", "page"))
  for _, row in ipairs(rows) do
    print(("%-8s %9d %5d  %s"):format(row.code, row.bytes, row.tries,
                                      row.address))
  end
  print(("%d of %d pages"):format(#rows, #queue))
end

-- Closed last, also when Ctrl-C ends the main chunk.
local report <close> = setmetatable({}, {__close = print_table})
local map <close> = ebb.JoinMap.new {max_tasks = AT_ONCE}

enqueue(url.build(url.parse(FIRST, {path = "/"})))
local next_page = 1
repeat
  local address = queue[next_page]
  if address then
    map:spawn(address, visit, address) -- waits for a place
    next_page = next_page + 1
  else
    local failed, ok, err = map:join_next()
    if ok == false then add_row(failed, tostring(err), 0, 0) end
  end
until not queue[next_page] and map:is_empty()
