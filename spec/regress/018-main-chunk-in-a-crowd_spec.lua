-- With more than 4096 tasks ready, the next but one is fetched early; when the
-- next was the main chunk, which is of no kind, the process crashed.

local run = require "run"

describe("the main chunk", function()
  it("may be ready in the middle of a crowd", function()
    local status, out, err = run [[
      local ebb = require "ebb"
      local map, more = ebb.JoinMap.new(), 0
      for i = 1, 10000 do
        map:spawn(i, function()
          ebb.spawn(function() more = more + 1 end)
        end)
      end
      for _ in map.join_next, map do end
      while more < 10000 do ebb.yield_now() end
      print "all ran"
    ]]
    assert.equal("", err)
    assert.equal("all ran\n", out)
    assert.equal(0, status)
  end)
end)
