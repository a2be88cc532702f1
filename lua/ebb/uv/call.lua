-- SPDX-License-Identifier: MIT
--
-- Calling functions of luv on somebody's behalf: what they say about their
-- arguments names the function that was called, and the caller's line.

local call = {}

-- The chunks of ebb.uv, whose lines are none of the caller's.
local ours <const> = {}

function call.leave_out(chunk) ours[chunk.short_src] = true end

call.leave_out(debug.getinfo(1, "S"))

-- How our outermost function was called, and the level, for our caller, of the
-- function that called it; or nil.
local function outermost()
  local entry
  for level = 2, math.huge do
    local info = debug.getinfo(level, "nS")
    if not info then return entry end
    local is_inner = ours[info.short_src] or not entry and info.what == "C"
    if not is_inner then return entry, level - 1 end
    entry = ours[info.short_src] and info or entry
  end
end

-- Lua does not count the object of a method among its arguments.
local function of_method(name, number)
  if number == "1" then return ("calling '%s' on bad self"):format(name) end
  return ("bad argument #%d to '%s'"):format(number - 1, name)
end

local function of_function(name, number)
  return ("bad argument #%s to '%s'"):format(number, name)
end

-- Raises the message as if luv's function `name` had.
local function raise(name, message)
  local entry, level = outermost()
  local is_method = entry.namewhat == "method"
  local head = is_method and of_method or of_function
  local shown = is_method and entry.name or name
  message = message:gsub("^bad argument #(%d+) to '[^']*'",
                         function(n) return head(shown, n) end)
  error(message, level or 0)
end

-- luv says where it was called, which is one of our lines, in some errors.
local function pass(name, ok, ...)
  if ok then return ... end
  local message = ...
  if type(message) ~= "string" then error(message, 0) end
  local chunk, rest = message:match "^(.-):%d+: (.*)$"
  if not ours[chunk] then error(message, 0) end
  raise(name, rest)
end

local function same(...) return ... end

local function relay(f, ...) return same(f(...)) end

-- f(...), for the caller of our function `name`.
function call.luv(name, f, ...) return pass(name, pcall(relay, f, ...)) end

return call
