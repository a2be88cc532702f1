-- The example of an engine that owns loop, clock and memory. What it prints
-- stands in its head comment, in lines that begin with five spaces, after a
-- line "   Prints:".

local command = require "command"

local build = os.getenv "EBB_BUILD" or "build"
local source = os.getenv "EBB_SOURCE" or "."

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function promised_output(text)
  local _, stop = text:find("\n   Prints:\n", 1, true)
  local lines = {}
  for line in text:sub(stop + 1):gmatch "[^\n]*\n" do
    if line:sub(1, 5) ~= "     " then break end
    lines[#lines + 1] = line:sub(6)
  end
  assert(#lines > 0)
  return table.concat(lines)
end

-- Its stdout, what it writes to stderr included, and its exit code.
local function run()
  local program = command.quote(build .. "/examples/embed")
  local pipe = assert(io.popen(program .. " 2>&1 </dev/null"))
  local out = pipe:read "a"
  local _, how, code = pipe:close()
  return out, how, code
end

describe("the example embed", function()
  local text = read(source .. "/examples/embed.c")

  it("says how to run it", function()
    local command = "Run: cmake -B build && cmake --build build && "
      .. "build/examples/embed\n"
    assert.is_truthy(text:find(command, 1, true))
  end)

  it("prints what it says", function()
    local out, how, code = run()
    assert.equal(promised_output(text), out)
    assert.same({"exit", 0}, {how, code})
  end)

  it("prints the same each time", function()
    assert.equal((run()), (run()))
  end)
end)
