-- Files, commands and functions that README.md and docs/ name exist, and
-- README.md names each function of the module.

local ebb = require "ebb"
local classes = require "classes"
local pages = require "pages"
local run = require "run"

local SOURCE <const> = pages.source

local function dev_commands()
  local _, help = run.file(SOURCE .. "/dev", {"help"}, "sh")
  local commands = {}
  for name in help:gmatch "\n  (%l+)%f[%s]" do commands[name] = true end
  return commands
end

-- `time.md` and `ebb.h` are files.
local SUFFIXES <const> = {md = true, h = true, lua = true, c = true}

-- Calls f(name) for each capture of a pattern, but for the suffixes of files.
local function each_name(text, pattern, f)
  for name in text:gmatch(pattern) do
    if not SUFFIXES[name] then f(name) end
  end
end

local function check_module(text, pattern, module)
  each_name(text, pattern, function(name)
    assert.is_truthy(module[name], name)
  end)
end

for _, page in ipairs(pages) do
  local text <const> = page.text
  describe(page.name, function()
    it("names files that exist", function()
      for path in text:gmatch "%f[%w][%w_]+/[%w_./]*%w" do
        local top = path:match "^%w+"
        if pages.exists(SOURCE .. "/" .. top) and top ~= "build" then
          assert.is_true(pages.exists(SOURCE .. "/" .. path), path)
        end
      end
    end)

    it("names commands of ./dev that exist", function()
      local commands = dev_commands()
      for name in text:gmatch "%./dev (%l+)" do
        assert.is_true(commands[name], name)
      end
    end)

    it("names functions that exist", function()
      each_name(text, "[^/%w\"]ebb%.([%a_]+)", function(name)
        local module = SOURCE .. "/lua/ebb/" .. name .. ".lua"
        assert.is_true(ebb[name] ~= nil or pages.exists(module), name)
      end)
      check_module(text, "[^/%w<]time%.([%l_]+)", ebb.time)
      check_module(text, "[^/%w<]sync%.([%a_]+)", ebb.sync)
      check_module(text, "map:([%l_]+)", ebb.JoinMap.new())
      check_module(text, "%f[%w]set:([%l_]+)", ebb.JoinSet.new())
    end)

    it("names functions of the C API that exist", function()
      local header = pages.read(SOURCE .. "/src/ebb.h")
      for name in text:gmatch "%f[%w]ebb_[%l_]+" do
        assert.is_truthy(header:find("%f[%w]" .. name .. "%f[^%w_]"), name)
      end
    end)
  end)
end

-- ---- the index of functions

-- Adds the names of a cell: in `Name:a b c`, b and c are Name's, too.
local function add_names(names, cell)
  for span in cell:gmatch "`([^`]+)`" do
    local prefix, first, rest = span:match "^([%a.]+[.:])([%l_]+)(.*)$"
    if prefix then
      names[prefix .. first] = true
      for name in rest:gmatch "[%l_]+" do names[prefix .. name] = true end
    end
  end
end

describe("The index of README.md", function()
  it("has the functions of the module, and no others", function()
    local names, expected = {}, {}
    local section = pages[1].text:match "\n## API\n(.-)\n## "
    for cell in section:gmatch "\n| %[[^\n]-%) | ([^\n]*) |" do
      add_names(names, cell)
    end
    for name in pairs(classes.functions()) do expected[name] = true end
    assert.same(expected, names)
  end)
end)
