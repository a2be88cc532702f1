-- Blocking work had been under way when the main chunk ended, and its handle
-- was still there: the job kept a reference to its own runtime that counted as
-- another's, so a clean-up that waited for what never comes hung.

local run = require "run"

describe("a clean-up that waits for what never comes fails", function()
  for name, code in pairs {
    ["while the handle of blocking work is kept"] = [[
      handle = ebb.spawn_blocking(function() require "ebb".sleep(0.01) end)
    ]],
    ["while a Handle of its own runtime is kept elsewhere"] = [[
      runtime = ebb.Runtime.new()
      runtime:handle():spawn(function(back)
        kept = back
        require "ebb".sleep(1e6)
      end, ebb.Handle.current())
      runtime:handle():spawn(function() end):join()
    ]],
  } do
    it(name, function()
      local exit, out, err = run([[
        local ebb = require "ebb"
        ebb.set_shutdown_timeout(60)
        local tx, rx = ebb.sync.channel()
        ebb.spawn(function()
          local _ <close> = setmetatable({}, {__close = function()
            print(pcall(rx.recv, rx))
          end})
          ebb.sleep(1e9)
        end)
        ebb.yield_now()
      ]] .. code)
      assert.same({0, ""}, {exit, err})
      assert.matches("^false\t.*nothing can end this wait\n$", out)
    end)
  end
end)
