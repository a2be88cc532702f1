-- For the specs of blocking work: a pool that a spec can fill, so that the next
-- job has to queue, and files by which a spec sees the progress of a job.

local ebb = require "ebb"
local gate = require "gate"

local pool = {THREADS = 4}

ebb.set_max_blocking_threads(pool.THREADS)

-- Fills the pool with jobs that wait at a gate, and gives their handles.
function pool.fill_pool(at)
  local handles = {}
  for i = 1, pool.THREADS do
    handles[i] = ebb.spawn_blocking(gate.pass, at.path, i)
  end
  at:arrived(pool.THREADS)
  return handles
end

-- Appends text to a file; for jobs, so it refers to globals alone.
function pool.write(path, text)
  local file = assert(io.open(path, "ab"))
  file:write(text)
  file:close()
end

function pool.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

return pool
