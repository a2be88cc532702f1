-- Named pipes, opened for both reading and writing, are what a plain script has
-- of file descriptors: each is readable when the other end, here too, has
-- written to it.

local pipe = {}

local function open(path)
  local file = assert(io.open(path, "r+"))
  file:setvbuf("no")
  return file
end

-- The readers and the writers of so many pipes, unbuffered.
function pipe.new(count)
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute(("mkdir %s && cd %s && mkfifo $(seq %d)"):format(
    path, path, count)))
  local readers, writers = {}, {}
  for i = 1, count do
    local name = path .. "/" .. i
    readers[i], writers[i] = open(name), open(name)
    os.remove(name)
  end
  os.remove(path)
  return readers, writers
end

return pipe
