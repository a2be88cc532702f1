-- The code blocks of README.md and docs/: Lua and C run and print the `text`
-- block below them, commands exist.

local libraries = require "libraries"
local lfs = require "lfs" -- which busted needs, too
local pages = require "pages"
local programs = require "programs"
local run = require "run"

local SOURCE <const>, BUILD <const> = pages.source, pages.build
local exists <const>, read <const> = pages.exists, pages.read

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

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

-- Commands that can harm files of the sandbox only are run; others are looked
-- for.
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
-- and the files that a page tells one to make

local sandbox

local function make_sandbox(page)
  sandbox = programs.directory()
  assert(lfs.link(BUILD, sandbox .. "/build", true))
  assert(lfs.link(SOURCE .. "/src", sandbox .. "/src", true))
  for _, block in ipairs(page.blocks) do
    if block.file then write(sandbox .. "/" .. block.file, block.text) end
  end
end

local function run_in_sandbox(commands)
  local path <const> = sandbox .. "/commands"
  write(path, "set -eu\ncd '" .. sandbox .. "'\n" .. commands)
  return run.file(path, nil, "sh")
end

local function lacking_for(text)
  for name, library in pairs(libraries) do
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

-- ---- the blocks

local function test_script(block, where)
  local lacking = lacking_for(block.text)
  if lacking then
    pending("shows a script, " .. where .. ", that " .. lacking)
  else
    it("shows a script that runs, " .. where, function()
      assert_prints(block, run(block.text))
    end)
  end
end

local function test_commands(block, where)
  it("shows commands that exist, " .. where, function()
    for _, words in ipairs(command_lines(block)) do check_command(words) end
  end)
  if is_run(block) then
    it("shows commands that work, " .. where, function()
      assert_prints(block, run_in_sandbox(block.text))
    end)
  end
end

local function test_file(page, block, where)
  it("shows a file that is used further on, " .. where, function()
    local name = assert(block.file, "the file has no name")
    local _, stop = page.text:find(block.text, 1, true)
    assert.is_truthy(page.text:find(name, stop, true))
  end)
end

for _, page in ipairs(pages) do
  describe(page.name, function()
    setup(function() make_sandbox(page) end)
    teardown(function() programs.remove(sandbox) end)

    for _, block in ipairs(page.blocks) do
      local where = "in line " .. block.line
      if block.tag == "lua" then
        test_script(block, where)
      elseif block.tag == "sh" then
        test_commands(block, where)
      elseif block.tag ~= "text" then
        test_file(page, block, where)
      end
    end
  end)
end
