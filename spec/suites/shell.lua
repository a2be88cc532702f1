-- SPDX-License-Identifier: MIT
--
-- What the runner of the suites asks of the system.

local command = require "command"

local shell = {}

-- All that a command writes, and whether it ended with 0.
function shell.read(line)
  local pipe <close> = assert(io.popen(line, "r"))
  return pipe:read "a", pipe:close() == true
end

-- Runs the words as a program in a directory, for `limit` seconds at most; the
-- program `server` runs meanwhile. The input is a pipe, because Lua's tests
-- want one that cannot seek.
function shell.run(directory, limit, words, server)
  local timeout = ("timeout -k 5 %d "):format(limit)
  local start = "cd " .. command.quote(directory) .. " || exit\n"
  local run = ": | " .. timeout .. command.line(words) .. " 2>&1"
  if not server then return shell.read(start .. run) end
  return shell.read(start .. timeout .. command.line(server) ..
    " >/dev/null 2>&1 </dev/null &\n" .. run ..
    "\nstatus=$?\nkill $! 2>/dev/null\nexit $status")
end

-- Where a program is.
function shell.program(name)
  return shell.read("command -v " .. command.quote(name)):match "[^\n]+"
end

local function read_file(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- Puts a text in the place of what a pattern finds in a file.
function shell.change(path, pattern, replacement)
  local text, n = read_file(path):gsub(pattern, replacement)
  assert(n > 0, path .. " is not as expected")
  shell.write(path, text)
end

function shell.write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

function shell.exists(path)
  local file <close> = io.open(path, "r")
  return file ~= nil
end

-- The files that match a pattern of the shell, as paths from the directory.
function shell.files(directory, pattern)
  local list = {}
  local ls = ("cd %s && ls -d %s"):format(command.quote(directory), pattern)
  for line in shell.read(ls):gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

-- The same as tests. What `name` captures of a path is the test's name, and
-- `before` are the words that stand before it on the command line.
function shell.tests(directory, pattern, name, before)
  local tests = {}
  for _, file in ipairs(shell.files(directory, pattern)) do
    local words = {table.unpack(before or {})}
    words[#words + 1] = file
    tests[#tests + 1] = {name = file:match(name), words = words}
  end
  return tests
end

local Copy = {}
Copy.__index = Copy
function Copy:__close() os.execute("rm -rf " .. command.quote(self.path)) end

-- A copy of a folder, which may be a link, that goes when it is closed: tests
-- write where they are.
function shell.copy(folder)
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("cp -R " .. command.line {folder .. "/.", path}))
  return setmetatable({path = path}, Copy)
end

return shell
