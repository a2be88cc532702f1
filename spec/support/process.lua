-- What Linux tells of this process: its threads and its open files; and how
-- it was built.

local process = {}

local function take(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

-- The sanitizers of this build, as CMake was told.
local function sanitizers()
  local cache = take(os.getenv "EBB_BUILD" .. "/CMakeCache.txt")
  return cache:match "\nEBB_SANITIZE:%w+=([^\n]*)"
end

-- ThreadSanitizer starts a thread of its own beside the first other one.
function process.threads()
  local status = take "/proc/self/status"
  local count = math.tointeger(status:match "Threads:%s*(%d+)")
  if count > 1 and sanitizers() == "thread" then count = count - 1 end
  return count
end

-- By way of a file: a pipe to `ls` would be among them, with one end or two.
function process.files()
  local pid, path = take "/proc/self/stat":match "^%d+", os.tmpname()
  assert(os.execute(("ls /proc/%s/fd >%s"):format(pid, path)))
  local _, count = take(path):gsub("\n", "")
  os.remove(path)
  return count
end

-- Does a sanitizer slow everything down?
function process.is_sanitized() return sanitizers() ~= "" end

return process
