-- The pages that people read: README.md and docs/. Each has `name`, its path;
-- `text`; and `blocks`, see markdown.lua.

local lfs = require "lfs" -- which busted needs, too
local markdown = require "markdown"

local function absolute(path)
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

local pages = {
  source = absolute(os.getenv "EBB_SOURCE" or "."),
  build = absolute(os.getenv "EBB_BUILD" or "build")
}

function pages.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

function pages.exists(path) return lfs.attributes(path) ~= nil end

local function add(name)
  local text = pages.read(pages.source .. "/" .. name)
  pages[#pages + 1] = {
    name = name, text = text, blocks = markdown.blocks(text)
  }
end

add "README.md"
for name in lfs.dir(pages.source .. "/docs") do
  if name:find "%.md$" then add("docs/" .. name) end
end

return pages
