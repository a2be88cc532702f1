-- Runs Lua code in a child interpreter, so that a spec can watch a process
-- end: its exit code, and what it wrote to stdout and stderr.
--
--   local code, out, err = run [[print "hello"]]
--   local code, out, err = run.file("examples/01_hello.lua", {"argument"})
--
-- The child is the interpreter that runs the spec (stock Lua or the host)
-- unless another is named. It inherits the environment.

local command = require "command"

local run = {}

-- Long enough for a sanitizer's build; a child that hangs ends with code 124.
local LIMIT = "timeout 100 "

-- The word that stands first on the command line of this process.
function run.interpreter()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first]
end

local function take(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  os.remove(path)
  return text
end

local function execute(line, environment)
  local out, err = os.tmpname(), os.tmpname()
  local redirect = (" >%s 2>%s </dev/null"):format(out, err)
  local _, how, code = os.execute((environment or "") .. LIMIT .. line ..
    redirect)
  if how == "signal" then code = 128 + code end
  return code, take(out), take(err)
end

function run.file(path, args, interpreter, environment)
  local words = {interpreter or run.interpreter(), path}
  table.move(args or {}, 1, #(args or {}), 3, words)
  return execute(command.line(words), environment)
end

function run.code(code, interpreter, environment)
  local path <const> = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(code)
  file:close()
  local status, out, err = run.file(path, nil, interpreter, environment)
  os.remove(path)
  return status, out, err
end

-- For code that leaks on purpose: AddressSanitizer looks for all else.
function run.leaking(code)
  local environment <const> = 'ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" '
  return run.code(code, nil, environment)
end

return setmetatable(run, {__call = function(_, ...) return run.code(...) end})
