-- What Linux tells of this process: its threads and its open files; and how
-- it was built.

local process = {}

local function take(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

function process.threads()
  return math.tointeger(take "/proc/self/status":match "Threads:%s*(%d+)")
end

-- The pipe to `ls` is one of them, each time.
function process.files()
  local pid = take "/proc/self/stat":match "^%d+"
  local list = assert(io.popen(("ls /proc/%s/fd"):format(pid)))
  local _, count = list:read "a":gsub("\n", "")
  list:close()
  return count
end

-- Does a sanitizer slow everything down?
function process.is_sanitized()
  local cache = take(os.getenv "EBB_BUILD" .. "/CMakeCache.txt")
  return cache:match "EBB_SANITIZE:%w+=[^\n]" ~= nil
end

return process
