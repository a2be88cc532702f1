-- What Linux tells of this process: its threads and its open files; and how
-- it was built.

local process = {}

local function take(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

-- The thread sanitizer has a thread of its own once there is a second one.
function process.threads()
  local status = take "/proc/self/status"
  local count = math.tointeger(status:match "Threads:%s*(%d+)")
  local has_own = take "/proc/self/maps":find("libtsan", 1, true)
  return has_own and count > 1 and count - 1 or count
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
function process.is_sanitized()
  local cache = take(os.getenv "EBB_BUILD" .. "/CMakeCache.txt")
  return cache:match "EBB_SANITIZE:%w+=[^\n]" ~= nil
end

return process
