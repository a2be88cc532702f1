-- libebb.a had 24 functions net_close, net_connect and so on: a program with
-- a net_close of its own did not link.

local build = os.getenv "EBB_BUILD" or "build"

-- The names that others see of a file. Those that begin with two underscores,
-- or one and a capital letter, are the compiler's, and come with sanitizers.
local function names_of(path, options)
  local command = ("nm %s --defined-only '%s'"):format(options, path)
  local pipe <close> = assert(io.popen(command))
  local names = {}
  for line in pipe:lines() do
    local name = line:match "^%x+ %u ([%w_.]+)$"
    if name and not name:find "^_[_%u]" then names[#names + 1] = name end
  end
  return names
end

local function without_prefix(names)
  local found = {}
  for _, name in ipairs(names) do
    if not name:find "^ebb_" and name ~= "luaopen_ebb" then
      found[#found + 1] = name
    end
  end
  return found
end

describe("what others see", function()
  it("of libebb.a begins with ebb_", function()
    local names = names_of(build .. "/libebb.a", "-g")
    assert.is_true(#names > 300, "nm found nothing to look at")
    assert.same({}, without_prefix(names))
  end)

  it("of the module is what ebb.h has, and its loader", function()
    local names = names_of(build .. "/lua/ebb.so", "-D")
    assert.same({}, without_prefix(names))
    local file <close> = assert(io.open((os.getenv "EBB_SOURCE" or ".")
      .. "/src/ebb.h"))
    local header = file:read "a"
    assert.is_true(#names > 100)
    for _, name in ipairs(names) do
      assert.is_truthy(header:find("%f[%w_]" .. name .. "%("), name)
    end
  end)
end)
