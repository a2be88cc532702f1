-- All signals are blocked on the threads of jobs and Runtimes, so that handlers
-- run where they always did. But a child inherited that: what os.execute and
-- io.popen started there heard no SIGTERM.

local ebb = require "ebb"

local pack = table.pack

-- Each runs a function on another thread, and gives its results.
local PLACES <const> = {
  ["blocking work"] = function(f, ...)
    return ebb.spawn_blocking(f, ...):await()
  end,
  ["block_in_place"] = ebb.block_in_place,
  ["a Runtime"] = function(f, ...)
    local runtime <close> = ebb.Runtime.new()
    return runtime:handle():spawn(f, ...):await()
  end,
  ["blocking work of a Runtime"] = function(f, ...)
    local runtime <close> = ebb.Runtime.new()
    return runtime:handle():spawn_blocking(f, ...):await()
  end,
  ["blocking work of blocking work"] = function(f, ...)
    return ebb.block_in_place(function(...)
      return require "ebb".spawn_blocking(...):await()
    end, f, ...)
  end,
}

local MASK <const> = "grep SigBlk /proc/self/status"

local function execute(command) return os.execute(command) end

local function popen(command, mode, text)
  local pipe = assert(io.popen(command, mode))
  if text then pipe:write(text) end
  local output = mode ~= "w" and pipe:read "a"
  return output, pipe:close()
end

for place, run in pairs(PLACES) do
  describe("what is started from " .. place, function()
    it("by os.execute hears SIGTERM", function()
      assert.same(pack(nil, "signal", 15),
        pack(run(execute, "kill -TERM $$; exit 7")))
    end)

    it("by io.popen hears SIGTERM", function()
      assert.same(pack("a\n", nil, "signal", 15),
        pack(run(popen, "echo a; kill -TERM $$; exit 7")))
      assert.same(pack(false, nil, "signal", 15),
        pack(run(popen, "read x; kill -TERM $$; exit 7", "w", "\n")))
    end)

    it("has blocked what a child of the main chunk has", function()
      local name = os.tmpname()
      assert.equal(popen(MASK), (run(popen, MASK)))
      run(execute, MASK .. " >" .. name)
      local file <close> = assert(io.open(name))
      assert.equal(popen(MASK), file:read "a")
      os.remove(name)
    end)

    it("does not take a signal of this process meanwhile", function()
      assert.matches("SigBlk:%s*f+e%x+", run(function()
        local before = os.execute "true"
        for line in io.lines "/proc/thread-self/status" do
          if before and line:find "SigBlk" then return line end
        end
      end))
    end)
  end)
end

-- Gives the results on the main chunk's thread, and on another.
local function both(f, ...)
  return pack(f(...)), pack(ebb.block_in_place(f, ...))
end

describe("on another thread, as here,", function()
  for _, command in ipairs {"true", "exit 3", "exit 0", "kill -KILL $$",
                            "no-such-program 2>/dev/null", "", ":;:"} do
    it("os.execute tells the end of '" .. command .. "'", function()
      assert.same(both(execute, command))
    end)

    it("io.popen tells the end of '" .. command .. "'", function()
      assert.same(both(popen, command))
    end)
  end

  it("os.execute tells whether there is a shell", function()
    assert.same(both(function() return os.execute() end))
  end)

  it("io.popen reads, and io.lines of it", function()
    assert.same(both(function()
      local lines = {}
      for line in io.popen "printf 'a\\nb\\n\\nc'":lines() do
        lines[#lines + 1] = line
      end
      return lines
    end))
  end)

  it("what is written to io.popen arrives", function()
    local name = os.tmpname()
    local text = ("line\n"):rep(10000)
    local ok = ebb.block_in_place(function(...)
      local pipe <close> = io.popen("cat >" .. select(1, ...), "w")
      return pipe:write((select(2, ...))):close()
    end, name, text)
    assert.is_true(ok)
    local file <close> = assert(io.open(name))
    assert.is_true(file:read "a" == text)
    os.remove(name)
  end)

  it("a pipe is a file, open and closed", function()
    assert.same(both(function()
      local pipe = io.popen "echo a"
      local open, shown = io.type(pipe), tostring(pipe):match "^file %("
      pipe:close()
      return open, shown, io.type(pipe), tostring(pipe), pcall(pipe.read, pipe)
    end))
  end)

  it("a pipe that is dropped is closed by the collector", function()
    assert.equal("closed", ebb.block_in_place(function()
      local pipe = io.popen("cat >/dev/null", "w")
      getmetatable(pipe).__gc(pipe)
      return io.type(pipe) == "closed file" and "closed"
    end))
  end)

  it("wrong arguments are named", function()
    for _, call in ipairs {
      function() io.popen() end,
      function() io.popen("true", "x") end,
      function() io.popen("true", "rw") end,
      function() io.popen({}) end,
      function() os.execute {} end,
    } do
      local here, there = both(function() return pcall(call) end)
      assert.equal(false, there[1])
      local argument = here[2]:match "bad argument.*"
      assert.equal(argument, there[2]:match "bad argument.*")
    end
  end)
end)
