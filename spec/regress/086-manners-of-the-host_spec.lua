-- The host's folder of Lua files came before what LUA_PATH names; messages
-- began with "ebb" whatever name it was started by; it knew no --version.

local programs = require "programs"
local build = os.getenv "EBB_BUILD"

-- What a piece of shell prints, with the host as "$ebb".
local function output(command)
  local pipe = assert(io.popen("cd / && exec 2>&1 && ebb='" .. build ..
    "/ebb' && " .. command))
  local text = pipe:read "a"
  pipe:close()
  return text
end

describe("the host", function()
  local directory

  setup(function()
    directory = programs.directory()
    assert(os.execute("mkdir " .. directory .. "/ebb"))
    local file <close> = assert(io.open(directory .. "/ebb/socket.lua", "w"))
    file:write "return 'mine'"
  end)

  teardown(function() programs.remove(directory) end)

  for _, rest in ipairs {"", ";;"} do
    it("looks where LUA_PATH says first, with '" .. rest .. "' behind it",
       function()
      local path = ("LUA_PATH='%s/?.lua%s' "):format(directory, rest)
      assert.equal("mine\n", output(path ..
        [["$ebb" -e 'print((require "ebb.socket"))']]))
    end)

    it("finds its own files behind '" .. rest .. "'", function()
      local path = "LUA_PATH='/nowhere/?.lua" .. rest .. "' "
      assert.equal(build .. "/lua/ebb/uv.lua\n", output(path ..
        [["$ebb" -e 'print((package.searchpath("ebb.uv", package.path)))']]))
    end)
  end

  it("finds its own files before installed ones", function()
    local first = output([[env -u LUA_PATH "$ebb" -e 'print(package.path)']])
    assert.equal(build .. "/lua/?.lua", first:match "^[^;]*")
    first = output([[LUA_PATH=/nowhere "$ebb" -E -e 'print(package.path)']])
    assert.equal(build .. "/lua/?.lua", first:match "^[^;]*")
  end)

  it("begins its messages with the name that it was started by", function()
    local link = directory .. "/another"
    assert(os.execute(("ln -s '%s/ebb' %s"):format(build, link)))
    assert.matches("^" .. link:gsub("%p", "%%%0") .. ": [^\n]*boom\n",
      output(link .. " -e 'error [[boom]]'"))
    assert.matches("^" .. link:gsub("%p", "%%%0") .. ": unrecognized option",
      output(link .. " --wrong"))
  end)

  it("shows the versions for --version, and runs nothing", function()
    assert.matches("^ebb %d+%.%d+%.%d+\nLua 5%.%d[^\n]+\n$",
      output [["$ebb" --version -e 'print "ran"' </dev/null]])
  end)
end)
