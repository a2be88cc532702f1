-- A panic whose handle was still held was reported when the state was already
-- being taken down. What the function of set_unhandled spawned then was left in
-- the runtime, and ran without a state: SIGSEGV.

local run = require "run"

describe("what a report spawns at the very end", function()
  for name, spawn in pairs {
    ["as a task"] = [[ebb.spawn(print, "must not run")]],
    ["into a map"] = [[
      map = ebb.JoinMap.new()
      map:spawn(1, print, "must not run")
    ]],
    ["as blocking work"] = [[ebb.spawn_blocking(function() end)]],
    ["as a Runtime"] = [[runtime = ebb.Runtime.new()]]
  } do
    it(name .. " never runs", function()
      local exit, out = run([[
        local ebb = require "ebb"
        ebb.set_unhandled(function() print "told" ]] .. spawn .. [[ end)
        ebb.spawn(function()
          local _ <close> = setmetatable({}, {__close = function()
            handle = ebb.spawn(error, "late")
            ebb.yield_now()
          end})
          ebb.sleep(1e6)
        end)
        ebb.yield_now()
      ]])
      assert.same({0, "told\n"}, {exit, out})
    end)
  end
end)
