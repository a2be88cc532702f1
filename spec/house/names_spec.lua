-- Names say where what they name is: its room's prefix and its file's stem.
-- Nothing that others see is without the prefix, and no static function has
-- the name of one of libc.

local rooms = require "rooms"
local source = require "source"

local symbols, reason = source.symbols()
if not symbols then return pending("names: " .. reason) end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

-- The functions of ebb.h are named by what they are of, and may stand where
-- their code is.
local public = {luaopen_ebb = true}
for _, line in ipairs(source.read "src/ebb.h") do
  for name in line:gmatch "%f[%w_](ebb_[%w_]+)%(" do public[name] = true end
end

-- The names that others see of a file. Those that begin with two underscores,
-- or one and a capital letter, are the compiler's, and come with sanitizers.
local function exports(path, option)
  local names = {}
  local words = {"nm", option, "-P", "--defined-only", source.build .. path}
  for _, line in ipairs(source.lines_of(words)) do
    local name = line:match "^([%w_.]+) %u"
    if name and not name:find "^_[_%u]" then names[#names + 1] = name end
  end
  return names
end

local function functions_of_libc()
  local module = source.build .. "/lua/ebb.so"
  for _, line in ipairs(source.lines_of {"ldd", module}) do
    local path = line:match "^%s*libc%.so%S* => (%S+)"
    if path then
      local names = {}
      local words = {"nm", "-D", "-P", "--defined-only", path}
      for _, symbol in ipairs(source.lines_of(words)) do
        names[#names + 1] = symbol:match "^([%w_]+)%S* [TWi]"
      end
      return set_of(names)
    end
  end
end

-- Of each symbol of a kind: f(path, name).
local function each(kind, f)
  for path, sets in pairs(symbols) do
    for name in pairs(sets[kind]) do f(path, name) end
  end
end

local function place(path, name)
  return source.place_of(name, {path})
end

describe("what others see", function()
  local function without_prefix(names)
    local found = {}
    for _, name in ipairs(names) do
      if not name:find "^ebb_" and name ~= "luaopen_ebb" then
        found[#found + 1] = name
      end
    end
    return found
  end

  -- It had functions net_close, net_connect and so on: a program with a
  -- net_close of its own did not link.
  it("of libebb.a begins with ebb_", function()
    local names = exports("/libebb.a", "-g")
    assert.is_true(#names > 300, "nm found nothing to look at")
    source.none(without_prefix(names))
  end)

  it("of the module is what ebb.h has, and its loader", function()
    local names, others = exports("/lua/ebb.so", "-D"), {}
    assert.is_true(#names > 100)
    for _, name in ipairs(names) do
      if not public[name] then others[#others + 1] = name end
    end
    source.none(others)
  end)
end)

describe("the name", function()
  it("of a static function is none of libc's", function()
    local libc = functions_of_libc()
    if not libc then return pending "needs ldd and libc.so" end
    local found = {}
    each("static", function(path, name)
      if libc[name] then
        found[#found + 1] = ("%s: %s"):format(place(path, name), name)
      end
    end)
    source.none(found)
  end)

  it("of what files share begins with the room's prefix and the file's stem",
     function()
    local function is_named(path, name)
      for _, stem in ipairs(rooms.stems(path)) do
        if name == stem or name:find("^" .. stem .. "_") then return true end
      end
      return public[name]
    end

    local found = {}
    each("shared", function(path, name)
      if not is_named(path, name) then
        found[#found + 1] = ("%s: %s, not %s_..."):format(place(path, name),
          name, rooms.stems(path)[1])
      end
    end)
    source.none(found)
  end)
end)
