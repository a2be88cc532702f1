-- Which fields of the engine's structs the binding assigns to: read from the
-- text of src/core's headers and src/lua, by the names and types of fields.

local fields = {}

-- Structs that their user fills in: tables of functions, what a call asks for.
local FILLED <const> = {
  ebb_task_ops = true, ebb_job_ops = true, ebb_handle_ops = true,
  ebb_await = true, ebb_resolve_query = true, ebb_alloc = true,
  ebb_shutdown = true
}

-- Without comments, but with their line ends, and without strings.
local function plain(text)
  text = text:gsub("/%*.-%*/", function(c) return c:gsub("[^\n]", " ") end)
  return (text:gsub('"[^"\n]*"', '""'))
end

-- Adds to `types` what the declaration of a field says: name -> type.
local function declare(types, line)
  local kind, names = line:match "^%s*const%s+([%w_]+)%s+(.-)$"
  if not kind then kind, names = line:match "^%s*([%w_]+)%s+(.-)$" end
  if kind == "struct" then kind, names = names:match "^([%w_]+)%s+(.-)$" end
  if not names then return end
  local pointer = names:match "%(%*([%w_]+)%)"
  if pointer then
    types[pointer] = kind
    return
  end
  for name in names:gsub("%b[]", ""):gsub(":%s*%d+", "")
                   :gmatch "([%w_]+)%s*%f[,\0]" do
    types[name] = kind
  end
end

-- The fields of a struct's body; those of a nameless struct in it are entered
-- into `structs` under the name of their field.
local function read_body(structs, body)
  local types = {}
  body = body:gsub("(%b{})%s*([%w_]+)%s*;", function(inner, name)
    structs[name] = read_body(structs, inner:sub(2, -2))
    return "; " .. name .. " " .. name .. ";"
  end)
  for line in body:gmatch "([^;]+);" do declare(types, line) end
  return types
end

-- struct name -> its fields, name -> type.
function fields.structs(text)
  local structs = {}
  for name, body in plain(text):gmatch "struct%s+([%w_]*)%s*(%b{})" do
    structs[name] = read_body(structs, body:sub(2, -2))
  end
  return structs
end

-- The types that the name before a field may have at a place of the text: those
-- of fields so called, and for a variable that of its nearest declaration.
local function types_of(text, at, name, members)
  local found
  local above = text:sub(1, at - 1)
  if above:find "[>.]$" then return members[name] or {} end
  for kind in above:gmatch("([%w_]+)%s+%*?%*?" .. name .. "%s*[,;=)]") do
    if kind ~= "return" then found = kind end
  end
  return found and {[found] = true} or members[name] or {}
end

-- The types of the fields of all structs: name -> set of types.
function fields.types(structs, types)
  types = types or {}
  for _, struct in pairs(structs) do
    for name, kind in pairs(struct) do
      types[name] = types[name] or {}
      types[name][kind] = true
    end
  end
  return types
end

local ASSIGNED <const> = {
  "([%w_]+)[%-.]>?([%w_]+)%s*[-+*/|&^]?=[^=]", -- a->b = c, a.b += c
  "([%w_]+)[%-.]>?([%w_]+)%s*%+%+", "([%w_]+)[%-.]>?([%w_]+)%s*%-%-"
}

-- Lines of one file's text that write a field of the structs; `members` has the
-- types of the fields that may stand before one.
function fields.writes(text, structs, members)
  local found = {}
  text = plain(text)
  for _, pattern in ipairs(ASSIGNED) do
    for at, base, field in text:gmatch("()" .. pattern) do
      for kind in pairs(types_of(text, at, base, members)) do
        local struct = not FILLED[kind] and structs[kind]
        if struct and struct[field] then
          local _, line = text:sub(1, at):gsub("\n", "")
          found[#found + 1] = line + 1 .. ": " .. kind .. "." .. field
        end
      end
    end
  end
  return found
end

return fields
