-- The source layout in docs/internals.md: each folder of src/, and each file in
-- it with the first sentence of its head comment. `./dev docs` writes it, and
-- layout_spec compares it.

local layout = {}

-- In the order of their ranks; a folder with files must be here.
local FOLDERS <const> = {
  {"core/base", "Data structures, memory and time."},
  {"core/os", "The system: stacks, threads, sockets, waiting for events."},
  {"core/task", "The task and its states."},
  {"core/loop", "The scheduler, its waits, and the life of a runtime."},
  {"core/sync", "Queues of waiting tasks, and the primitives on top of them."},
  {"core/spawn", "C tasks, work for other threads, collections of tasks."},
  {"lua/state", "The binding's part of a Lua state; arguments and options."},
  {"lua/task", "The task that is a coroutine: its thread, waits and errors."},
  {"lua/sync", "`ebb.sync`."},
  {"lua/remote", "Values and functions on their way to other states."},
  {"lua/net", "`ebb.io` and `ebb.net`."},
  {"lua/spawn", "Functions and objects that make tasks or run them."},
  {"lua/join", "JoinMap and JoinSet."},
  {"lua/time", "`ebb.time`."},
  {"lua/runtime", "Runtime."},
  {"lua/library", "Functions in the place of Lua's own."},
  {"lua", "The module, and the end of a state."},
  {"host", "The interpreter `ebb`."}
}

local BEGIN <const>, END <const> = "<!-- layout: begin -->\n",
                                   "<!-- layout: end -->"

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- The first sentence of the comment at the head; nil when there is none beside
-- the licence.
local function first_sentence(path)
  local comment = read(path):match "^/%*(.-)%*/" or ""
  local text = comment:gsub("^%s*SPDX%S+ %S+", ""):gsub("%s+", " ")
  text = text:gsub(":: ", "::"):match "^ ?(.-) ?$"
  if text == "" then return nil end
  return text:match "^(.-%.) %u" or text
end

-- A header tells the purpose, and the .c file beside it the means.
local function purpose(stem, has)
  return has[stem .. ".h"] and first_sentence(stem .. ".h") or
         has[stem .. ".c"] and first_sentence(stem .. ".c") or
         error(stem .. " has no head comment")
end

-- Folder below src -> sorted stems; and the set of all paths.
local function list(source)
  local folders, has = {}, {}
  local pipe <close> = assert(io.popen("find '" .. source ..
    "/src' -mindepth 2 -name '*.[ch]' | sort"))
  for path in pipe:lines() do
    local folder, name = path:sub(#source + 6):match "^(.*)/(.-)%.[ch]$"
    folders[folder] = folders[folder] or {}
    local beside = path:gsub("h$", "c")
    if not has[beside] then table.insert(folders[folder], name) end
    has[path] = true
  end
  return folders, has
end

-- "- text", in lines of 80 columns.
local function item(text)
  local lines, line = {}, "-"
  for word in text:gmatch "%S+" do
    if #line + #word >= 80 then
      lines[#lines + 1], line = line, " "
    end
    line = line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function add_folder(lines, source, folder, stems, has)
  for _, stem in ipairs(stems) do
    local path = source .. "/src/" .. folder .. "/" .. stem
    local suffix = has[path .. ".c"] and ".c" or ".h"
    lines[#lines + 1] = item(("`%s%s`: %s"):format(stem, suffix,
                                                   purpose(path, has)))
  end
end

function layout.section(source)
  local folders, has = list(source)
  local lines = {}
  for _, folder in ipairs(FOLDERS) do
    local name, sentence = table.unpack(folder)
    if folders[name] then
      lines[#lines + 1] = ("\n### `src/%s`\n\n%s\n"):format(name, sentence)
      add_folder(lines, source, name, folders[name], has)
      folders[name] = nil
    end
  end
  local lacking = next(folders)
  if lacking then error("layout.lua has no sentence for src/" .. lacking) end
  return table.concat(lines, "\n") .. "\n\n"
end

-- The section as the page has it, and the text before and after it.
function layout.written(source)
  local page = read(source .. "/docs/internals.md")
  local _, start = page:find(BEGIN, 1, true)
  local stop = page:find(END, start, true)
  return page:sub(start + 1, stop - 1), page:sub(1, start), page:sub(stop)
end

function layout.write(source)
  local _, before, after = layout.written(source)
  local text = before .. layout.section(source) .. after
  local file <close> = assert(io.open(source .. "/docs/internals.md", "wb"))
  file:write(text)
end

return layout
