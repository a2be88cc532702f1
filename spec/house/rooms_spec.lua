-- Files of src/ include and call lower rooms and their own only, and there is
-- no circle among them. spec/support/rooms.lua has the rooms.

local graph = require "graph"
local rooms = require "rooms"
local source = require "source"

local paths = source.files("src", "%.[ch]$")

local function is_inside(path)
  return path:find "^core/" or path:find "^lua/"
end

-- Each include of the one wing or the other: f(from, to, place).
local function each_include(f)
  for _, from in ipairs(paths) do
    if is_inside(from) then
      for number, line in ipairs(source.read("src/" .. from)) do
        local to = line:match '^%s*#%s*include "(.*)"'
        if to and is_inside(to) then f(from, to, from .. ":" .. number) end
      end
    end
  end
end

local symbols, reason = source.symbols()

-- The file that shares each symbol.
local function owners()
  local owner = {}
  for path, sets in pairs(symbols) do
    for name in pairs(sets.shared) do owner[name] = path end
  end
  return owner
end

-- Each use of another object's symbol: f(from, to, name).
local function each_use(f)
  local owner = owners()
  for from, sets in pairs(symbols) do
    for name in pairs(sets.used) do
      if owner[name] then f(from, owner[name], name) end
    end
  end
end

-- Inline functions of headers are called from there.
local headers = source.files("src", "%.h$")

local function place_of_use(from, name)
  return source.place_of(name, {from, table.unpack(headers)})
end

local function describe_breach(place, verb, what, from, to)
  return ("%s: %s (%d) %s %s of %s (%d)"):format(place, from.room, from.rank,
    verb, what, to.room, to.rank)
end

describe("the files of src", function()
  it("are in rooms", function()
    local outside = {}
    for _, path in ipairs(paths) do
      if is_inside(path) and not rooms.of(path) then
        outside[#outside + 1] = path
      end
    end
    source.none(outside)
  end)

  it("include lower rooms and their own only", function()
    local breaches = {}
    each_include(function(path, included, place)
      local from, to = rooms.of(path), rooms.of(included)
      if not rooms.may_use(from, to) then
        breaches[#breaches + 1] =
          describe_breach(place, "includes", included, from, to)
      end
    end)
    source.none(breaches)
  end)

  it("include each other in no circle", function()
    local edges = graph.new()
    each_include(function(from, to) edges:add(from, to) end)
    source.none(edges:circles())
  end)

  if not symbols then return pending(reason) end

  it("call lower rooms and their own only", function()
    local breaches = {}
    each_use(function(path, used, name)
      local from, to = rooms.of(path), rooms.of(used)
      if not rooms.may_use(from, to) then
        breaches[#breaches + 1] =
          describe_breach(place_of_use(path, name), "uses", name, from, to)
      end
    end)
    source.none(breaches)
  end)

  it("call each other in no circle", function()
    local edges = graph.new()
    each_use(function(from, to, name) edges:add(from, to, name) end)
    source.none(edges:circles())
  end)
end)
