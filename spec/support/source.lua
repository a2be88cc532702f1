-- The files of src/, and the symbols of the objects that were made of them.
-- Files are named by their paths below src.

local command = require "command"
local luassert = require "luassert"

local ROOT <const> = os.getenv "EBB_SOURCE" or "."
local BUILD <const> = os.getenv "EBB_BUILD" or "build"

local source = {build = BUILD}

-- What a command prints, as an array of lines; errors are passed over.
function source.lines_of(words)
  local pipe <close> =
    assert(io.popen(command.line(words) .. " 2>/dev/null", "r"))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines
end

-- The files below a folder of the source tree whose names match a pattern, in
-- order, by their paths below that folder.
function source.files(folder, pattern)
  local top, files = ROOT .. "/" .. folder, {}
  for _, path in ipairs(source.lines_of {"find", top, "-type", "f"}) do
    if path:find(pattern) then files[#files + 1] = path:sub(#top + 2) end
  end
  assert(#files > 0, "no files in " .. top)
  table.sort(files)
  return files
end

-- The lines of a file, by its path in the source tree.
function source.read(path)
  local lines = {}
  for line in io.lines(ROOT .. "/" .. path) do lines[#lines + 1] = line end
  return lines
end

-- Where one of the files mentions a name first, as "path:line", or the path of
-- the first of them.
function source.place_of(name, paths)
  local pattern = "%f[%w_]" .. name .. "%f[^%w_]"
  for _, path in ipairs(paths) do
    for number, line in ipairs(source.read("src/" .. path)) do
      if line:find(pattern) then return path .. ":" .. number end
    end
  end
  return paths[1]
end

local function object_of(path)
  local target = path:find "^core/" and "ebb_core" or "ebb_lua"
  return ("%s/CMakeFiles/%s.dir/src/%s.o"):format(BUILD, target, path)
end

-- Those of the compiler, which come with sanitizers, begin with two
-- underscores, or one and a capital letter.
local function is_own(name) return not name:find "^_[_%u]" end

-- Adds what a line of nm says, "name type value size". Copies of a function
-- that an optimizer has made have a point in their names.
local function add_symbol(symbols, line)
  local name, kind = line:match "^([%w_]+)%S* (%a)"
  if not name or not is_own(name) then return end
  if kind == "U" then
    symbols.used[name] = true
  elseif kind:find "%u" then
    symbols.shared[name] = true
  elseif kind == "t" then
    symbols.static[name] = true
  end
end

-- The symbols of the .c files of core and lua, by path: `shared` with others,
-- `static` functions, and those of others that are `used`, each a set. Nil and
-- a reason when there is no nm or an object is missing.
function source.symbols()
  local all, words = {}, {"nm", "-A", "-P"}
  local path_of = {}
  for _, path in ipairs(source.files("src", "%.c$")) do
    if not path:find "^host/" then
      words[#words + 1] = object_of(path)
      path_of[object_of(path)] = path
    end
  end
  for _, line in ipairs(source.lines_of(words)) do
    local object, rest = line:match "^(.-): (.*)"
    local path = path_of[object]
    all[path] = all[path] or {shared = {}, static = {}, used = {}}
    add_symbol(all[path], rest)
  end
  for object, path in pairs(path_of) do
    if not all[path] then return nil, "needs nm, and " .. object end
  end
  return all
end

-- Fails with a list of what is wrong, unless that is empty.
function source.none(list)
  table.sort(list)
  luassert.is_true(#list == 0, ("%d:\n  %s"):format(#list,
    table.concat(list, "\n  ")))
end

return source
