-- The documents are true: what README.md shows runs and prints what it says,
-- what it names exists, and the annotations are those of the module.

local ebb = require "ebb"
local annotations = require "annotations"
local classes = require "classes"
local lfs = require "lfs" -- which busted needs, too
local markdown = require "markdown"
local programs = require "programs"
local run = require "run"

local function absolute(path)
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

local SOURCE <const> = absolute(os.getenv "EBB_SOURCE" or ".")
local BUILD <const> = absolute(os.getenv "EBB_BUILD" or "build")

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function exists(path) return lfs.attributes(path) ~= nil end

local function sorted_keys(set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local readme = read(SOURCE .. "/README.md")
local blocks = markdown.blocks(readme)

-- A sanitized library needs a sanitized program around it.
local function is_sanitized()
  local cache = BUILD .. "/CMakeCache.txt"
  return exists(cache) and
         read(cache):find "\nEBB_SANITIZE:STRING=[^\n]" ~= nil
end

-- ---- commands

-- The command lines of a block as lists of words, without the settings of
-- variables before them.
local function command_lines(block)
  local lines = {}
  for line in block.text:gsub("\\\n", " "):gmatch "[^\n]+" do
    local words = {}
    for word in line:gmatch "%S+" do
      if words[1] or not word:match "^[%u_%d]+=" then
        words[#words + 1] = word
      end
    end
    lines[#lines + 1] = words
  end
  return lines
end

-- What is run where only files of the sandbox can be harmed; of other
-- commands we look whether they are there.
local RUN <const> = {
  ["build/ebb"] = true, ["lua5.4"] = true, ["cc"] = true, ["./embed"] = true,
  ["./pool"] = true, ["export"] = true
}

local function is_run(block)
  for _, words in ipairs(command_lines(block)) do
    if not RUN[words[1]] then return false end
  end
  return not is_sanitized()
end

local function dev_commands()
  local _, help = run.file(SOURCE .. "/dev", {"help"}, "sh")
  local commands = {}
  for name in help:gmatch "\n  (%l+)%f[%s]" do commands[name] = true end
  return commands
end

local check = {}

check["./dev"] = function(words)
  assert.is_true(dev_commands()[words[2]], "no command " .. words[2])
end

check["build/ebb"] = function()
  assert.is_true(exists(BUILD .. "/ebb"))
end

check["./embed"] = function() end
check["./pool"] = function() end

-- What it installs is what ./dev installs.
check["apt-get"] = function(words)
  local dev = read(SOURCE .. "/dev")
  for i = 3, #words do
    local name = "%f[%w]" .. words[i]:gsub("%p", "%%%0") .. "%f[^%w-]"
    assert.is_truthy(dev:find(name), "./dev does not know " .. words[i])
  end
end

local function check_command(words)
  if check[words[1]] then return check[words[1]](words) end
  local find = "command -v '" .. words[1] .. "' >/dev/null"
  assert.is_true(os.execute(find), words[1] .. " is not there")
end

-- ---- the sandbox: a directory that looks like this one, with a build in it
-- and the files that the README tells one to make

local sandbox

local function make_sandbox()
  sandbox = os.tmpname()
  os.remove(sandbox)
  assert(lfs.mkdir(sandbox))
  assert(lfs.link(BUILD, sandbox .. "/build", true))
  assert(lfs.link(SOURCE .. "/src", sandbox .. "/src", true))
  for _, block in ipairs(blocks) do
    if block.file then write(sandbox .. "/" .. block.file, block.text) end
  end
end

local function remove_sandbox()
  os.execute("rm -r '" .. sandbox .. "'")
end

local function run_in_sandbox(commands)
  local path <const> = sandbox .. "/commands"
  write(path, "set -eu\ncd '" .. sandbox .. "'\n" .. commands)
  return run.file(path, nil, "sh")
end

-- Libraries of others that the modules need, and their Debian packages.
local LIBRARIES <const> = {
  socket = {module = "socket", package = "lua-socket"},
  uv = {module = "luv", package = "lua-luv"},
  cqueues = {module = "cqueues", package = "lua-cqueues"}
}

local function lacking_for(text)
  for name, library in pairs(LIBRARIES) do
    if text:find('require "ebb.' .. name .. '"', 1, true) then
      local lacking = programs.missing {[library.module] = library.package}
      if lacking then return lacking end
    end
  end
end

local function assert_prints(block, code, out, err)
  assert.equal("", err)
  assert.equal(0, code)
  if block.output then assert.equal(block.output, out) end
end

describe("README.md", function()
  setup(make_sandbox)
  teardown(remove_sandbox)

  for _, block in ipairs(blocks) do
    local where = "in line " .. block.line
    local lacking = block.tag == "lua" and lacking_for(block.text)
    if lacking then
      pending("shows a script, " .. where .. ", that " .. lacking)
    elseif block.tag == "lua" then
      it("shows a script that runs, " .. where, function()
        assert_prints(block, run(block.text))
      end)
    elseif block.tag == "sh" then
      it("shows commands that exist, " .. where, function()
        for _, words in ipairs(command_lines(block)) do
          check_command(words)
        end
      end)
      if is_run(block) then
        it("shows commands that work, " .. where, function()
          assert_prints(block, run_in_sandbox(block.text))
        end)
      end
    elseif block.tag ~= "text" then
      it("shows a file that is used further on, " .. where, function()
        local name = assert(block.file, "the file has no name")
        local _, stop = readme:find(block.text, 1, true)
        assert.is_truthy(readme:find(name, stop, true))
      end)
    end
  end

  it("names files that exist", function()
    for path in readme:gmatch "%f[%w][%w_]+/[%w_./]*%w" do
      local room = path:match "^%w+"
      if exists(SOURCE .. "/" .. room) and room ~= "build" then
        assert.is_true(exists(SOURCE .. "/" .. path), path)
      end
    end
  end)

  it("names commands of ./dev that exist", function()
    local commands = dev_commands()
    for name in readme:gmatch "%./dev (%l+)" do
      assert.is_true(commands[name], name)
    end
  end)

  it("names functions that exist", function()
    for name in readme:gmatch "[^/%w\"]ebb%.([%a_]+)" do
      local module = SOURCE .. "/lua/ebb/" .. name .. ".lua"
      assert.is_true(ebb[name] ~= nil or exists(module), name)
    end
    for name in readme:gmatch "[^/%w<]time%.([%l_]+)" do
      assert.is_function(ebb.time[name], name)
    end
    for name in readme:gmatch "[^/%w<]sync%.([%a_]+)" do
      assert.is_truthy(ebb.sync[name], name)
    end
    for name in readme:gmatch "map:([%l_]+)" do
      assert.is_function(ebb.JoinMap.new()[name], name)
    end
    for name in readme:gmatch "%f[%w]set:([%l_]+)" do
      assert.is_function(ebb.JoinSet.new()[name], name)
    end
  end)

  it("names functions of the C API that exist", function()
    local header = read(SOURCE .. "/src/ebb.h")
    for name in readme:gmatch "%f[%w]ebb_[%l_]+" do
      assert.is_truthy(header:find("%f[%w]" .. name .. "%f[^%w_]"), name)
    end
  end)
end)

-- ---- annotations

describe("lua/meta/ebb.lua", function()
  local functions, fields = annotations.read()

  it("is Lua", function()
    assert.is_function(assert(loadfile(SOURCE .. "/lua/meta/ebb.lua")))
  end)

  it("has the functions that exist, and no others", function()
    assert.same(sorted_keys(classes.functions()), sorted_keys(functions))
  end)

  it("is held against every class that can be made", function()
    for _, module in ipairs {ebb, ebb.sync} do
      for name, value in pairs(module) do
        if type(value) == "table" and value.new then
          assert.is_function(classes.samples[name], "no sample of " .. name)
        end
      end
    end
  end)

  it("has the other fields of the module", function()
    for name, value in pairs(ebb) do
      local kind = type(value)
      if kind ~= "function" and kind ~= "table" then
        assert.is_true(fields.ebb[name], name)
      end
    end
  end)

  it("has the fields of what ebb.tasks gives", function()
    local map <close> = ebb.JoinMap.new()
    map:build_task():name("name"):spawn("key", ebb.sleep, 1000)
    ebb.yield_now()
    local seen = {}
    for _, task in ipairs(ebb.tasks()) do
      for name in pairs(task) do seen[name] = true end
    end
    assert.same(sorted_keys(fields["ebb.TaskInfo"]), sorted_keys(seen))
  end)

  it("says which item of Tokio each function mirrors", function()
    for name, f in pairs(functions) do
      assert.is_truthy(f.comment:find("\n?%-%-%-Tokio: "), name)
    end
  end)

  it("describes each parameter", function()
    for name, f in pairs(functions) do
      for parameter in f.parameters:gmatch "[^, ]+" do
        local words = "@param " .. parameter
        local found = f.comment:find(words .. " ", 1, true) or
                      f.comment:find(words .. "? ", 1, true)
        assert.is_truthy(found, name .. ": " .. parameter)
      end
    end
  end)
end)

-- What the modules over libraries of others have beyond those; and ebb.uv's run
-- is not luv's.
local OWN <const> = {
  socket = {"patch"}, uv = {"lines", "run"}, cqueues = {"block_on"}
}

for name, library in pairs(LIBRARIES) do
  describe("lua/meta/ebb/" .. name .. ".lua", function()
    local lacking = programs.missing {[library.module] = library.package}
    if lacking then return pending(lacking) end

    it("has the functions that the library has not", function()
      local text = read(SOURCE .. "/lua/meta/ebb/" .. name .. ".lua")
      local annotated = {}
      for f in text:gmatch("\nfunction " .. name .. "%.([%w_]+)%(") do
        annotated[#annotated + 1] = f
      end
      table.sort(annotated)
      assert.same(OWN[name], annotated)
    end)

    it("tells of all that is added", function()
      local code = ([[
        local ours, theirs = require "ebb.%s", require "%s"
        local names = {}
        for name in pairs(ours) do
          if theirs[name] == nil then names[#names + 1] = name end
        end
        table.sort(names)
        io.write(table.concat(names, " "))]]):format(name, library.module)
      local expected = table.concat(OWN[name], " "):gsub(" run", "")
      assert.same({0, expected, ""}, {run(code)})
    end)
  end)
end

-- ---- the header

-- The functions of paragraphs without a comment above them.
local function functions_without_comment(header)
  local found, previous, commented = {}, "", false
  for line in header:gmatch "([^\n]*)\n" do
    if line:find "^EBB_API" then
      commented = commented or previous:find "%*/$" ~= nil
      if not commented then
        found[#found + 1] = line:match "([%w_]+)%(" or line
      end
    elseif line == "" then
      commented = false
    end
    previous = line
  end
  return found
end

describe("src/ebb.h", function()
  it("has a comment over each function or group of functions", function()
    local header = read(SOURCE .. "/src/ebb.h")
    assert.is_truthy(header:find "\nEBB_API ")
    assert.same({}, functions_without_comment(header))
  end)
end)
