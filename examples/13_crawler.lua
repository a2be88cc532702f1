-- SPDX-License-Identifier: MIT

-- A crawler: fetches a page, the pages of the same host that it links to, and
-- so on, several at a time. `socket.http` does the fetching: written to block,
-- it waits here, since `ebb.socket.patch()` has put other sockets under it.
-- What fails is tried again. Ctrl-C aborts the fetches that are under way.
--
-- Run: ./dev run examples/13_crawler.lua [OPTION N]... URL
--
-- Prints a table of what it has fetched until then, ordered by URL, and on a
-- terminal how far it is. The exit code is 0 if every page has answered. Needs
-- the Debian package lua-socket, and for https lua-sec, which by itself does
-- not verify certificates.

local USAGE <const> = [[
usage: 13_crawler.lua [OPTION N]... URL
  -n N  fetch N pages at a time (8)
  -d N  follow links N steps from URL (2)
  -l N  fetch N pages at most (100)
  -t N  give up a try after N seconds (10)
  -r N  try N times before a page has failed (3)
]]

local ebb = require "ebb"
local socket = require "ebb.socket".patch()
local http = require "socket.http"
local ltn12 = require "ltn12"
local url = require "socket.url"

local SCHEMES <const> = {http = true, https = pcall(require, "ssl.https")}

local function quit(text)
  io.stderr:write(text)
  os.exit(2)
end

local function read_arguments()
  local options, i = {n = 8, d = 2, l = 100, t = 10, r = 3}, 1
  while i < #arg do
    local name, value = arg[i]:match "^%-(%l)$", tonumber(arg[i + 1])
    local least = name == "d" and 0 or 1e-3
    if not options[name] or not value or value < least then quit(USAGE) end
    options[name], i = value, i + 2
  end
  if not arg[i] or arg[i]:find "^%-" then quit(USAGE) end
  return options, arg[i]:find "://" and arg[i] or "http://" .. arg[i]
end

if arg[1] == "--help" or arg[1] == "-h" then return io.write(USAGE) end
local options, start = read_arguments()

-- ---- URLs

-- A link of a page, whole and without a fragment, and its host and port; nil
-- for what cannot be fetched.
local function resolve(link, base)
  local parts = url.parse(url.absolute(base, link), {path = "/"})
  if not parts or not parts.host or not SCHEMES[parts.scheme] then return end
  parts.fragment = nil
  return url.build(parts), parts.authority:lower()
end

local LINK <const> = "<[aA]%s[^>]-[hH][rR][eE][fF]%s*=%s*[\"']?([^\"'%s>]+)"

-- Where a page leads to: links that stay on its host.
local function links_of(page, body, headers)
  local links = {}
  local function add(link)
    local target, authority = resolve(link, page.url)
    if authority == page.authority then links[#links + 1] = target end
  end
  if headers.location then add(headers.location) end
  if (headers["content-type"] or ""):find "html" then
    for link in body:gmatch(LINK) do add((link:gsub("&amp;", "&"))) end
  end
  return links
end

-- ---- fetching

local pages, fetched = {}, 0

local function request(address)
  local chunks = {}
  local ok, code, headers = http.request {
    url = address, sink = ltn12.sink.table(chunks), redirect = false
  }
  if not ok then return nil, code end
  return table.concat(chunks), code, headers or {}
end

-- Runs as a task. Fills in what the table tells of the page, and returns the
-- links in it.
local function fetch(page)
  local in_time, body, code, headers
  repeat
    ebb.sleep(page.tries * 0.2)
    page.tries = page.tries + 1
    in_time, body, code, headers =
      ebb.time.timeout(options.t, request, page.url)
  until body and in_time and code < 500 or page.tries >= options.r
  page.status = in_time and code or "timeout"
  if not in_time or not body then return {} end
  page.bytes, fetched = #body, fetched + 1
  return links_of(page, body, headers)
end

-- ---- what is shown

local show_progress <const> = os.execute "test -t 2"

local function show(text)
  if show_progress then io.stderr:write("\r\27[K", text) end
end

local function print_table()
  show ""
  table.sort(pages, function(a, b) return a.url < b.url end)
  print "   bytes  tries  status              url"
  for _, page in ipairs(pages) do
    if page.status then
      print(("%8d  %5d  %-18s  %s"):format(page.bytes, page.tries, page.status,
        page.url))
    end
  end
  print(("fetched %d of %d pages"):format(fetched, #pages))
end

-- ---- all of it

-- The table is printed when the tasks have ended, also those that Ctrl-C has
-- aborted: variables are closed from the last to the first.
local function crawl()
  local report <close> = setmetatable({}, {__close = print_table})
  local map <close> = ebb.JoinMap.new {max_tasks = options.n}
  local seen, done = {}, 0

  local function visit(address, authority, depth)
    if seen[address] or #pages >= options.l or depth > options.d then return end
    local page = {
      url = address, authority = authority, depth = depth, bytes = 0, tries = 0
    }
    seen[address], pages[#pages + 1] = true, page
    map:spawn(page, fetch, page) -- waits for a place
  end

  local address, authority = resolve(start, start)
  visit(address, authority, 0)
  for page, ok, links in map.join_next, map do
    if not ok then page.status, links = tostring(links), {} end
    done = done + 1
    show(("%d of %d pages"):format(done, #pages))
    for _, link in ipairs(links) do
      local is_moved = page.status // 100 == 3 -- which is not a step further
      visit(link, authority, page.depth + (is_moved and 0 or 1))
    end
  end
  return fetched == #pages
end

if not resolve(start, start) then
  quit("13_crawler.lua: cannot fetch " .. start .. "\n" ..
       (SCHEMES.https and "" or "(https needs the Debian package lua-sec)\n"))
end
os.exit(crawl(), true)
