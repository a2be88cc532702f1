-- The examples that need servers of others: the crawler and the pipeline.

local programs = require "programs"
local run = require "run"

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function this_interpreter()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first]
end

describe("the example crawler", function()
  local lacking = programs.missing {
    socket = "lua-socket", ["!python3"] = "python3"
  }
  if lacking then return pending(lacking) end
  local server, directory, base

  setup(function()
    directory = programs.directory()
    local links = {}
    for i = 1, 40 do
      links[i] = ('<a href="%d.html">'):format(i)
      write(directory .. "/" .. i .. ".html",
            ('<a href="/"><a href=\'%d.html#x\'>'):format(i % 50 + 1))
    end
    links[41] = '<a href="http://elsewhere.invalid/">'
    write(directory .. "/index.html", table.concat(links))
    server = programs.http_server(directory)
    base = "http://127.0.0.1:" .. server.found
  end)
  teardown(function()
    server:stop()
    programs.remove(directory)
  end)

  local function crawl(...)
    return run.file("examples/13_crawler.lua", {...})
  end

  it("fetches all pages of a host, and prints a table", function()
    local code, out, err = crawl(base)
    assert.same({0, ""}, {code, err})
    assert.matches("\n42 of 42 pages\n$", out)
    for i = 1, 40 do
      assert.is_truthy(out:find("  " .. base .. "/" .. i .. ".html\n", 1, true))
    end
    assert.matches("\n404 .-/41%.html\n", out)
    assert.not_matches("elsewhere", out)
  end)

  it("stops at the number of pages that is asked for", function()
    assert.matches("\n5 of 5 pages\n$", (select(2, crawl(base, "5"))))
  end)

  it("tries again what fails, and says so", function()
    local _, out = crawl("http://127.0.0.1:" .. programs.free_port())
    assert.matches("\nconnection refused +0 +3  http", out)
  end)

  it("prints what it has when Ctrl-C ends it", function()
    local silent = require "socket.core".tcp4()
    assert(silent:bind("127.0.0.1", 0))
    assert(silent:listen(5))
    local _, port = silent:getsockname()
    local code, out = run.file("-s", {
      "INT", "2", this_interpreter(), "examples/13_crawler.lua",
      "http://127.0.0.1:" .. math.tointeger(port)
    }, "timeout")
    silent:close()
    assert.is_true(code > 0)
    assert.matches("\n0 of 1 pages\n$", out)
  end)

  it("says how to use it", function()
    local code, _, err = crawl()
    assert.equal(1, code)
    assert.matches("usage: ", err)
  end)
end)

describe("the example redis_pipeline", function()
  local lacking = programs.missing {["!redis-server"] = "redis-server"}
  if lacking then return pending(lacking) end

  it("gives each of 1000 tasks its own reply", function()
    local directory = programs.directory()
    local server = programs.redis_server(directory)
    local code, out, err =
      run.file("examples/14_redis_pipeline.lua", {server.found})
    server:stop()
    programs.remove(directory)
    assert.same({0, ""}, {code, err})
    assert.equal("the counter is at 1000\nthe replies add up to 500500\n", out)
  end)
end)
