-- The command line of the host, `ebb`. Every test starts it as a process.

local quoted = require "command".quote

local build = os.getenv("EBB_BUILD") or "build"
-- Some tests change the directory, so a relative path would lead elsewhere.
local host = (build:find("^/") and "" or os.getenv("PWD") .. "/") .. build
  .. "/ebb"

-- As it stands in the names of folders, and of the environment's variables.
local version <const> = _VERSION:match "%d+%.%d+"
local suffix <const> = "_" .. version:gsub("%.", "_")

-- The files that a test has made, removed after it.
local files = {}

local function file(content)
  local name = os.tmpname()
  files[#files + 1] = name
  local f <close> = assert(io.open(name, "w"))
  f:write(content)
  return name
end

local function contents(name)
  local f <close> = assert(io.open(name))
  return f:read("a")
end

-- What the host says begins with the name it was started by.
local function without_path(text)
  if text:sub(1, #host + 2) ~= host .. ": " then return text end
  return "ebb" .. text:sub(#host + 1)
end

-- Runs the host with `args`, a piece of shell, and returns its stdout, its
-- stderr and its exit code. `opts.stdin` is a string, `opts.env` a piece of
-- shell with assignments, `opts.dir` the working directory. None of the
-- caller's own settings of Lua reach the host.
local function ebb(args, opts)
  opts = opts or {}
  local stdout, stderr, stdin = file "", file "", file(opts.stdin or "")
  local _, kind, code = os.execute(table.concat({
    "cd", opts.dir or ".", "&& env -u LUA_INIT -u LUA_PATH -u LUA_CPATH",
    "-u LUA_INIT" .. suffix, "-u LUA_PATH" .. suffix, "-u LUA_CPATH" .. suffix,
    opts.env or "",
    quoted(host), args, ">" .. stdout, "2>" .. stderr, "<" .. stdin,
  }, " "))
  assert.equal("exit", kind)
  return contents(stdout), without_path(contents(stderr)), code
end

-- Runs `code` as the host's -e.
local function eval(code, opts)
  return ebb("-e " .. quoted(code), opts)
end

-- Lua code that shows `arg` from the index `first` to `last`.
local function show_arg(first, last)
  return ("for i = %d, %d do print(i, arg[i]) end"):format(first, last)
end

after_each(function()
  for _, name in ipairs(files) do os.remove(name) end
  files = {}
end)

describe("a script", function()
  it("gets its arguments as ...", function()
    local script = file "print(select('#', ...), ...)"
    assert.equal("2\ta\tb c\n", (ebb(script .. " a 'b c'")))
  end)

  it("gets its arguments in arg from 1 on", function()
    local script = file(show_arg(1, 3))
    assert.equal("1\ta\n2\tb c\n3\tnil\n", (ebb(script .. " a 'b c'")))
  end)

  it("finds its own name in arg[0]", function()
    local script = file(show_arg(0, 0))
    assert.equal("0\t" .. script .. "\n", (ebb(script)))
  end)

  it("finds the host and its options in arg below 0", function()
    local script = file(show_arg(-5, -1))
    assert.equal("-5\tnil\n-4\t" .. host .. "\n-3\t-W\n-2\t-e\n-1\tx = 1\n",
      (ebb("-W -e 'x = 1' " .. script)))
  end)

  it("gets the arguments that LUA_INIT has put into arg", function()
    local script = file "print(...)"
    local out = ebb(script .. " a", {env = "LUA_INIT='arg = {7, 8}'"})
    assert.equal("7\t8\n", out)
  end)

  it("is not run when LUA_INIT has removed arg", function()
    local out, err, code = ebb(file "print(1)", {env = "LUA_INIT='arg = nil'"})
    assert.same({"", "ebb: 'arg' is not a table\n", 1}, {out, err, code})
  end)

  it("may have options of its own", function()
    assert.equal("-v\t--\n", (ebb(file "print(...)" .. " -v --")))
  end)

  it("may start with a #! line", function()
    assert.equal("1\n", (ebb(file "#!/usr/bin/env ebb\nprint(1)")))
  end)

  it("may follow --", function()
    assert.equal("a\n", (ebb("-- " .. file "print(...)" .. " a")))
  end)

  it("that cannot be opened is named", function()
    local _, err, code = ebb("/no/such/script.lua")
    assert.matches("^ebb: cannot open /no/such/script.lua", err)
    assert.equal(1, code)
  end)

  it("that does not compile is reported without a traceback", function()
    local _, err, code = ebb(file "x x")
    assert.matches("^ebb: [^\n]*:1: syntax error near 'x'\n$", err)
    assert.equal(1, code)
  end)
end)

describe("stdin", function()
  it("is the script when there are no arguments", function()
    assert.equal("0\n", (ebb("", {stdin = "print(#{...})"})))
  end)

  it("is the script for -, which takes arguments", function()
    local out = ebb("- a", {stdin = "print(arg[0], ...)"})
    assert.equal("-\ta\n", out)
  end)

  it("is not read after -e", function()
    assert.equal("1\n", (ebb("-e 'print(1)'", {stdin = "print(2)"})))
  end)

  it("is not read after -v", function()
    assert.not_matches("stdin was read", (ebb("-v",
      {stdin = "print('stdin was read')"})))
  end)

  it("is left to the script that is named", function()
    local script = file "print(io.read('a'))"
    assert.equal("hello\n", (ebb(script, {stdin = "hello"})))
  end)

  it("is not what - means after --", function()
    local _, err, code = ebb("-- -", {stdin = "print(1)", dir = "/"})
    assert.matches("^ebb: cannot open %-", err)
    assert.equal(1, code)
  end)
end)

describe("the exit code", function()
  it("is 0 when the script ends", function()
    assert.same({"", "", 0}, {eval ""})
  end)

  it("is 1 when the script raises an error", function()
    assert.equal(1, (select(3, eval "error('x')")))
  end)

  it("is what os.exit says", function()
    assert.equal(7, (select(3, eval "os.exit(7)")))
  end)

  it("is what os.exit says when it closes the state", function()
    local out, _, code = eval [[
      local t <close> = setmetatable({}, {__close = function()
        print("closed")
      end})
      os.exit(7, true)]]
    assert.same({"closed\n", 7}, {out, code})
  end)

  it("is not changed by an error in a finalizer at the end", function()
    local out, err, code = eval [[
      setmetatable({}, {__gc = function() print("gc") error("x") end})]]
    assert.same({"gc\n", "", 0}, {out, err, code})
  end)
end)

describe("an error", function()
  it("is reported with message and traceback on stderr", function()
    local script = file "local function f() error('boom') end\nf()\n"
    local out, err = ebb(script)
    assert.equal("", out)
    assert.matches("^ebb: [^\n]*:1: boom\nstack traceback:\n", err)
    assert.matches(":2: in main chunk", err)
  end)

  it("comes after what was printed before", function()
    assert.matches("^before\n[^\n]*/ebb: ",
      (eval("io.stdout:setvbuf('full') print('before') error('x')",
        {env = "sh -c '\"$0\" \"$@\" 2>&1'"})))
  end)

  it("with __tostring is shown as that says, without traceback", function()
    local _, err, code = eval [[
      error(setmetatable({}, {__tostring = function() return "mine" end}))]]
    assert.same({"ebb: mine\n", 1}, {err, code})
  end)

  it("with a failing __tostring does not crash the host", function()
    local _, err, code = eval [[
      error(setmetatable({}, {__tostring = function() error("x") end}))]]
    assert.matches("^ebb: ", err)
    assert.equal(1, code)
  end)

  it("of another type is named by its type", function()
    local _, err, code = eval "error({})"
    assert.matches("^ebb: %(error object is a table value%)\nstack", err)
    assert.equal(1, code)
  end)

  it("of nil is an error too", function()
    local _, err, code = eval "error(nil)"
    assert.matches("^ebb: %(error object is a nil value%)\n", err)
    assert.equal(1, code)
  end)

  it("that is a number is shown as the number", function()
    assert.matches("^ebb: 42\n", (select(2, eval "error(42)")))
  end)

  it("keeps the options behind it from running", function()
    local out = ebb "-e 'error(1)' -e 'print(2)'"
    assert.equal("", out)
  end)
end)

describe("the option", function()
  it("-e takes its code from the same or the next word", function()
    assert.equal("1\n2\n", (ebb "-e 'print(1)' '-eprint(2)'"))
  end)

  it("-e runs before the script, in the same globals", function()
    assert.equal("5\n", (ebb("-e 'x = 5' " .. file "print(x)")))
  end)

  it("-e finds the whole command line in arg, the host at 0", function()
    assert.equal("0\t" .. host .. "\n1\t-e\n",
      (eval(show_arg(0, 1))))
  end)

  it("-e without code is an error", function()
    local out, err, code = ebb "-e"
    assert.equal("", out)
    assert.matches("^ebb: '%-e' needs argument\nusage: ebb ", err)
    assert.equal(1, code)
  end)

  it("-l requires a module into the global of its name", function()
    assert.equal("true\n",
      (ebb "-l ebb -e 'print(ebb == package.loaded.ebb)'"))
  end)

  it("-l g=mod requires a module into the global g", function()
    assert.equal("true\tnil\n",
      (ebb "-l e=ebb -e 'print(e == package.loaded.ebb, ebb)'"))
  end)

  it("-l of a module that is not there is an error", function()
    local _, err, code = ebb "-l no_such_module"
    assert.matches("^ebb: module 'no_such_module' not found", err)
    assert.equal(1, code)
  end)

  it("-v shows the versions of ebb and of Lua", function()
    local out, err, code = ebb "-v"
    assert.matches("^ebb %d+%.%d+%.%d+\nLua 5%.%d[^\n]+\n$", out)
    assert.same({"", 0}, {err, code})
  end)

  it("-v comes before the script that is run as well", function()
    assert.matches("^ebb .*\nsecond\n$", (ebb "-v -e 'print(\"second\")'"))
  end)

  it("-W turns warnings on", function()
    local code = quoted "warn('careful')"
    assert.equal("", (select(2, ebb("-e " .. code))))
    assert.equal("Lua warning: careful\n", (select(2, ebb("-W -e " .. code))))
  end)

  it("-E keeps the environment's settings out", function()
    local env = "LUA_INIT='print(1)' LUA_PATH=mine"
    assert.equal("true\n",
      (ebb("-E -e 'print(package.path ~= \"mine\")'", {env = env})))
  end)

  it("-i is refused, since there is no prompt", function()
    local out, err, code = ebb "-i"
    assert.equal("", out)
    assert.matches("^ebb: '%-i' is not supported", err)
    assert.equal(1, code)
  end)

  for _, option in ipairs {"-h", "--help"} do
    it(option .. " shows the usage on stdout", function()
      local out, err, code = ebb(option)
      assert.matches("^usage: ebb %[options%] %[script %[args%]%]\n", out)
      assert.same({"", 0}, {err, code})
    end)
  end

  for _, option in ipairs {"-x", "-vE", "--versions"} do
    it(option .. ", which is unknown, shows the usage on stderr", function()
      local out, err, code = ebb(option .. " -e 'print(1)'")
      assert.equal("", out)
      local message = "ebb: unrecognized option '" .. option .. "'\nusage: ebb "
      assert.equal(message, err:sub(1, #message))
      assert.equal(1, code)
    end)
  end
end)

describe("LUA_INIT", function()
  it("is code that is run first", function()
    assert.equal("init\n1\n",
      (ebb("-e 'print(1)'", {env = "LUA_INIT='print(\"init\")'"})))
  end)

  it("is a file when it starts with @", function()
    local init = file "print('init file')"
    assert.equal("init file\n", (ebb("-e ''", {env = "LUA_INIT=@" .. init})))
  end)

  it("gives way to the one with the version in its name", function()
    local env = "LUA_INIT='print(1)' LUA_INIT" .. suffix .. "='print(2)'"
    assert.equal("2\n", (ebb("-e ''", {env = env})))
  end)

  it("with an error keeps the script from running", function()
    local out, err, code = ebb("-e 'print(1)'", {env = "LUA_INIT='error(1)'"})
    assert.equal("", out)
    assert.matches("^ebb: 1\n", err)
    assert.equal(1, code)
  end)
end)

describe("the module ebb", function()
  it("is found from any directory with empty paths", function()
    local out, err, code = eval("print(type(require('ebb')._VERSION))",
      {dir = "/", env = "LUA_PATH= LUA_CPATH="})
    assert.same({"string\n", "", 0}, {out, err, code})
  end)

  it("has its Lua files found from any directory", function()
    local out, err, code = eval([[
      for _, name in ipairs {"socket", "uv", "cqueues", "ssl"} do
        print(package.searchpath("ebb." .. name, package.path) ~= nil)
      end]], {dir = "/", env = "LUA_PATH= LUA_CPATH="})
    assert.same({("true\n"):rep(4), "", 0}, {out, err, code})
  end)

  it("has its Lua files found when it is installed", function()
    local prefix = os.tmpname()
    os.remove(prefix)
    assert(os.execute(("mkdir -p '%s/bin' '%s/share/lua/%s/ebb' && " ..
      "ln '%s' '%s/bin/ebb' 2>/dev/null || cp '%s' '%s/bin/ebb'"):format(
      prefix, prefix, version, host, prefix, host, prefix)))
    local module = ("%s/share/lua/%s/ebb/socket.lua"):format(prefix, version)
    local f = assert(io.open(module, "w"))
    f:write "return 'installed'"
    f:close()
    local unset = "-u LUA_PATH -u LUA_PATH" .. suffix
    local pipe = assert(io.popen("cd / && env " .. unset .. " '" .. prefix ..
      "/bin/ebb' -e 'print((require \"ebb.socket\"))' 2>&1"))
    local out = pipe:read "a"
    pipe:close()
    os.execute("rm -r '" .. prefix .. "'")
    assert.equal("installed\n", out)
  end)

  it("is opened by require, not before", function()
    assert.equal("nil\tnil\n", (eval "print(ebb, package.loaded.ebb)"))
  end)
end)
