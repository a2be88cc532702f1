-- The specs themselves, in Lua and in C: their folders are those of
-- spec/README.md, and no file is too long to be read at once.

local lfs = require "lfs" -- which busted needs, too
local pages = require "pages"

local SPEC <const> = pages.source .. "/spec/"
local LONGEST <const> = 450 -- in lines
local CODE <const> = {lua = true, c = true, h = true, cpp = true}

-- Calls f(path) for each file below a folder.
local function each_file(folder, f)
  for name in lfs.dir(folder) do
    local path = folder .. name
    local mode = lfs.attributes(path, "mode")
    if mode == "file" then
      f(path)
    elseif name:sub(1, 1) ~= "." then
      each_file(path .. "/", f)
    end
  end
end

-- The set of folders right below spec/.
local function folders()
  local found = {}
  for name in lfs.dir(SPEC) do
    if name:sub(1, 1) ~= "." and
       lfs.attributes(SPEC .. name, "mode") == "directory" then
      found[name] = true
    end
  end
  return found
end

describe("the files of spec/", function()
  it("have at most " .. LONGEST .. " lines", function()
    local long = {}
    each_file(SPEC, function(path)
      if not CODE[path:match "%.(%w+)$"] then return end
      local _, lines = pages.read(path):gsub("\n", "")
      if lines > LONGEST then long[#long + 1] = path .. ": " .. lines end
    end)
    assert.same({}, long)
  end)

  it("are in a folder", function()
    for name in lfs.dir(SPEC) do
      assert.is_nil(CODE[name:match "%.(%w+)$"], name)
    end
  end)
end)

describe("the folders of spec/", function()
  it("are those of spec/README.md", function()
    local listed = {}
    for name in pages.read(SPEC .. "README.md"):gmatch "\n| `([%w_]+)/` |" do
      listed[name] = true
    end
    assert.same(listed, folders())
  end)
end)
