-- SPDX-License-Identifier: MIT

-- For reference: bare coroutine.resume and yield over 1000 coroutines, without
-- any scheduler. No scheduler written in Lua can be quicker than this.

local TASKS <const> = 1000

return {{
  name = "luayield", what = "ns per bare resume + yield, 1000 x %s", n = 1000,
  plain = function(_, n)
    local yield, resume = coroutine.yield, coroutine.resume
    local list = {}
    local function body()
      while true do yield() end
    end
    for i = 1, TASKS do list[i] = coroutine.create(body) end
    local start = os.clock()
    for _ = 1, n do
      for i = 1, TASKS do resume(list[i]) end
    end
    return (os.clock() - start) / (TASKS * n) * 1e9
  end,
  extra = true,
}}
