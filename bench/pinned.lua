-- SPDX-License-Identifier: MIT

-- Tasks that wait inside a C function, here a comparator called by table.sort,
-- and so each hold a C stack. Plain Lua has no such wait.

local waiters = require "waiters"

local sort, pair = table.sort, {2, 1}  -- two items: one call of the comparator

local function through(wait)
  sort(pair, wait)
end

return {{
  name = "pinned", what = "bytes per task waiting in table.sort, %s", n = 30000,
  ebb = function(ebb, n)
    return waiters.bytes_each(n, waiters.ebb, ebb, n, through)
  end,
  at_most = 9500, reps = 1,
}}
