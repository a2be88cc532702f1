-- SPDX-License-Identifier: MIT

-- The examples that need servers of others: the crawler and the pipeline.

local lfs = require "lfs" -- which busted needs, too
local programs = require "programs"
local run = require "run"

programs.use_older_modules()
local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("examples with servers " .. missing) end

local CRAWLER <const> = "examples/13_crawler.lua"

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

-- The rows of a table that was printed, and the line under it; a row is
-- "bytes tries status path".
local function rows_of(out, base)
  local rows = {}
  for bytes, tries, status, url in
      out:gmatch "\n *(%d+) +(%d+)  (.-) *  (http%S+)%f[\n]" do
    local path = url:sub(1, #base) == base and url:sub(#base + 1) or url
    rows[#rows + 1] = table.concat({bytes, tries, status, path}, " ")
  end
  return rows, out:match "\n([^\n]*)\n$"
end

describe("the example crawler", function()
  local function crawl(...) return run.file(CRAWLER, {...}) end

  it("prints its help when asked, and also to one who does not know", function()
    local code, out, err = crawl "--help"
    assert.same({0, ""}, {code, err})
    assert.matches("^usage: ", out)
    for _, arguments in ipairs {
      {}, {"-n"}, {"-x", "1", "http://127.0.0.1"}, {"-n", "2"},
      {"-n", "x", "http://127.0.0.1"}, {"-t", "0", "http://127.0.0.1"}
    } do
      assert.same({2, "", out}, {crawl(table.unpack(arguments))})
    end
  end)

  it("says that it cannot fetch such a URL", function()
    local code, out, err = crawl "gopher://127.0.0.1/"
    assert.same({2, ""}, {code, out})
    assert.matches("cannot fetch gopher://127.0.0.1/", err)
  end)

  it("tries a server that does not answer, or not in time, again", function()
    local server <close> = setmetatable({
      socket = assert(require "socket.core".tcp4())
    }, {__close = function(self) self.socket:close() end})
    assert(server.socket:bind("127.0.0.1", 0))
    local _, port = server.socket:getsockname()
    local base = "http://127.0.0.1:" .. math.tointeger(port)
    local code, out = crawl("-r", "2", base)
    assert.equal(1, code)
    assert.same({{"0 2 connection refused /"}, "fetched 0 of 1 pages"},
                {rows_of(out, base)})
    assert(server.socket:listen(5))
    code, out = crawl("-r", "2", "-t", "0.01", base)
    assert.equal(1, code)
    assert.same({{"0 2 timeout /"}, "fetched 0 of 1 pages"},
                {rows_of(out, base)})
  end)

  describe("with a server of files", function()
    local lacking = programs.missing {["!python3"] = "python3"}
    if lacking then return pending(lacking) end
    local server, directory, base

    local FILES <const> = {
      ["/"] = [[
        <p><a href="a.html">A</a> <A class="x" HREF = 'sub/b.html#there'>B</A>
        <a href=plain.txt>text</a> <a href="/index.html?x=1&amp;y=2#z">I</a>
        <a href="http://example.invalid/">other</a> <a href="mailto:a@b">@</a>
        <a name="there">nowhere</a>]],
      ["/a.html"] = '<a href="lost">lost</a><a href=".">up</a>',
      ["/sub/b.html"] = '<a href="../sub/c.html">further</a>',
      ["/sub/c.html"] = '<a href="/d.html">the end</a>',
      ["/d.html"] = "no links",
      ["/plain.txt"] = '<a href="/e.html">not a link</a>'
    }
    FILES["/index.html?x=1&y=2"] = FILES["/"]

    local function row(path)
      if not FILES[path] then return "1 404 " .. path end
      return ("%d 1 200 %s"):format(#FILES[path], path)
    end

    setup(function()
      directory = programs.directory()
      assert(lfs.mkdir(directory .. "/sub"))
      write(directory .. "/index.html", FILES["/"])
      for path, text in pairs(FILES) do
        if path:find "%l$" then write(directory .. path, text) end
      end
      server = programs.http_server(directory)
      base = "http://127.0.0.1:" .. server.found
    end)
    teardown(function()
      server:stop()
      programs.remove(directory)
    end)

    -- What is printed with these arguments; bytes of the error page vary.
    local function table_of(...)
      local code, out, err = crawl(...)
      assert.same({0, ""}, {code, err})
      local rows, summary = rows_of(out, base)
      for i, row in ipairs(rows) do
        if row:find " 404 " then rows[i] = row:gsub("^%d+ ", "") end
      end
      return rows, summary
    end

    it("follows the links within the host as far as it is told to", function()
      assert.same({{row "/"}, "fetched 1 of 1 pages"},
                  {table_of("-d", "0", base)})
      local near = {
        row "/", row "/a.html", row "/index.html?x=1&y=2", row "/plain.txt",
        row "/sub/b.html"
      }
      assert.same({near, "fetched 5 of 5 pages"}, {table_of("-d", "1", base)})
      local all = {
        near[1], near[2], row "/d.html", near[3], row "/lost", near[4],
        near[5], row "/sub/c.html"
      }
      assert.same({all, "fetched 8 of 8 pages"},
                  {table_of("-d", "9", base .. "/#top")})
      assert.same({all, "fetched 8 of 8 pages"},
                  {table_of("-n", "1", "-d", "9", base:sub(8))})
    end)

    it("fetches no more pages than it is told to", function()
      local rows, summary = table_of("-l", "3", base)
      assert.same({3, "fetched 3 of 3 pages"}, {#rows, summary})
    end)

    it("shows how far it is, but only on a terminal", function()
      local skipped = programs.missing {["!script"] = "bsdutils"}
      if skipped then return pending(skipped) end
      local first, path = 0, os.tmpname()
      while arg[first - 1] do first = first - 1 end
      -- The sanitizers are for the interpreter, not for `script`.
      write(path, ([[
        export EBB_PRELOAD="$LD_PRELOAD"
        unset LD_PRELOAD
        script -qec 'LD_PRELOAD="$EBB_PRELOAD" %s %s -d 0 %s' /dev/null
      ]]):format(arg[first], CRAWLER, base))
      local code, out = run.file(path, nil, "sh")
      os.remove(path)
      assert.equal(0, code)
      assert.is_truthy(out:find("\r\27[K1 of 1 pages\r\27[K", 1, true))
      assert.matches("fetched 1 of 1 pages", out)
    end)
  end)

  -- A script whose tasks serve the crawler that it runs: `pages` is Lua code,
  -- a table from paths to functions that give the status line and the body.
  local function crawl_within(pages, options, interpreter)
    return run(([[
      local ebb = require "ebb"
      local listener = assert(ebb.net.listen("127.0.0.1", 0))
      local _, port = listener:local_name()
      local pages = %s
      local function serve(conn)
        local conn <close> = conn
        local path = conn:read "*l":match " (%%S+)"
        while conn:read "*l" ~= "" do end
        local status, body = pages[path]()
        conn:write("HTTP/1.0 ", status, "\r\nContent-Type: text/html\r\n\r\n",
          body)
      end
      ebb.spawn(function()
        for conn in listener.accept, listener do ebb.spawn(serve, conn) end
      end)
      arg = {%s "http://127.0.0.1:" .. port}
      dofile "examples/13_crawler.lua"
    ]]):format(pages, options), interpreter)
  end

  local function paths_of(out)
    local rows, summary = rows_of(out, "")
    for i, row in ipairs(rows) do
      rows[i] = row:gsub("http://127.0.0.1:%d+", "")
    end
    return rows, summary
  end

  it("tries again after an error of the server", function()
    local code, out, err = crawl_within([[(function()
      local count = 0
      return {["/"] = function()
        count = count + 1
        return count < 3 and "503 later" or "200 OK", "hello"
      end}
    end)()]], "")
    assert.same({0, ""}, {code, err})
    assert.same({{"5 3 200 /"}, "fetched 1 of 1 pages"}, {paths_of(out)})
  end)

  it("takes a redirection for a link, but not for a step", function()
    local code, out, err = crawl_within([[{
      ["/"] = function() return "302 Found\r\nLocation: /there", "" end,
      ["/there"] = function() return "302 Found\r\nLocation: here/", "" end,
      ["/here/"] = function() return "200 OK", "<a href='page'>" end,
      ["/here/page"] = function() return "200 OK", "<a href='other'>" end
    }]], [["-d", "1",]])
    assert.same({0, ""}, {code, err})
    assert.same({{
      "0 1 302 /", "15 1 200 /here/", "16 1 200 /here/page", "0 1 302 /there"
    }, "fetched 4 of 4 pages"}, {paths_of(out)})
  end)

  it("has no more fetches under way than it is told to", function()
    local code, out, err = crawl_within([[(function()
      local links, pages, now, most = {}, {}, 0, 0
      for i = 1, 20 do
        links[i] = ("<a href='%d'>"):format(i)
        pages["/" .. i] = function()
          now = now + 1
          most = math.max(most, now)
          for _ = 1, 20 do ebb.yield_now() end
          now = now - 1
          return "200 OK", ("x"):rep(most)
        end
      end
      pages["/"] = function() return "200 OK", table.concat(links) end
      return pages
    end)()]], [["-n", "4",]])
    assert.same({0, ""}, {code, err})
    local rows, summary = paths_of(out)
    local most = 0
    for _, row in ipairs(rows) do
      local bytes, path = row:match "^(%d+) 1 200 (.*)"
      if path ~= "/" then most = math.max(most, tonumber(bytes)) end
    end
    assert.same({21, "fetched 21 of 21 pages"}, {#rows, summary})
    assert.is_true(most > 1 and most <= 4, tostring(most))
  end)

  it("aborts the rest on Ctrl-C and prints what there is", function()
    local host = os.getenv "EBB_BUILD" .. "/ebb"
    local code, out, err = crawl_within([[{
      ["/"] = function() return "200 OK", "<a href=1><a href=2><a href=3>" end,
      ["/1"] = function() return "200 OK", "done" end,
      ["/2"] = function() ebb.sleep(math.huge) end,
      ["/3"] = function()
        repeat -- until /1 has been fetched
          ebb.yield_now()
          local fetches = 0
          for _, task in ipairs(ebb.tasks()) do
            fetches = fetches + (task.key and 1 or 0)
          end
        until fetches == 2
        io.popen "kill -INT $PPID":close()
        ebb.sleep(math.huge)
      end
    }]], "", host)
    assert.same({130, ""}, {code, err})
    assert.same({{"30 1 200 /", "4 1 200 /1"}, "fetched 2 of 4 pages"},
                {paths_of(out)})
  end)

  describe("with TLS", function()
    local lacking = programs.missing {ssl = "lua-sec", ["!openssl"] = "openssl"}
    if lacking then return pending(lacking) end
    local server, directory, port

    setup(function()
      directory = programs.directory()
      server = programs.tls_server(directory)
      port = server.found
    end)
    teardown(function()
      server:stop()
      programs.remove(directory)
    end)

    it("fetches by https", function()
      local base = "https://127.0.0.1:" .. port
      local code, out, err = crawl("-d", "0", base)
      assert.same({0, ""}, {code, err})
      assert.matches("^%d+ 1 200 /$", rows_of(out, base)[1])
    end)
  end)
end)

describe("the example redis_pipeline", function()
  local EXAMPLE <const> = "examples/14_redis_pipeline.lua"
  local lacking = programs.missing {
    redis = "lua-redis", ["!redis-server"] = "redis-server"
  }
  if lacking then return pending(lacking) end
  local server, directory

  setup(function()
    directory = programs.directory()
    server = programs.redis_server(directory)
  end)
  teardown(function()
    server:stop()
    programs.remove(directory)
  end)

  local function pipeline(...)
    return run.file(EXAMPLE, {"127.0.0.1", server.found, ...})
  end

  it("prints what it says", function()
    local code, out, err = pipeline()
    assert.same({0, ""}, {code, err})
    local file <close> = assert(io.open(EXAMPLE, "rb"))
    local promised = file:read "a":match "it says:\n(.-)%-%- %u"
    assert.equal(promised:gsub("%-%-   ", ""), out)
  end)

  it("takes the number of tasks, and leaves nothing behind", function()
    local _, out = pipeline "3"
    assert.equal("3 tasks, 66 commands\nwrong replies: 0\n" ..
                 "the sum of all: 60\n", out)
    local client = require "redis".connect("127.0.0.1", server.found)
    assert.equal(0, client:dbsize())
    client:quit()
  end)

  it("says that there is no server, and how to name one", function()
    local code, _, err = run.file(EXAMPLE, {"127.0.0.1", programs.free_port()})
    assert.equal(1, code)
    assert.matches("connection refused", err)
    code, _, err = run.file(EXAMPLE)
    assert.equal(2, code)
    assert.matches("^usage: ", err)
  end)
end)
