-- #threads
-- block_in_place: a function on another thread, for which its task waits.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local pool = require "pool"

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, entry, error_of =
  common.closer, common.collect, common.entry, common.error_of

local THREADS, fill_pool, read, write =
  pool.THREADS, pool.fill_pool, pool.read, pool.write

describe("block_in_place", function()
  it("gives the results of its function, nils included", function()
    assert.same({n = 3, nil, 2, nil}, table.pack(ebb.block_in_place(
      function(...) return ... end, nil, 2, nil)))
  end)

  it("raises what its function raised", function()
    assert.equal("boom", error_of(ebb.block_in_place, function()
      error("boom", 0)
    end))
    assert.same({7}, error_of(ebb.block_in_place, function() error {7} end))
  end)

  it("lets other tasks run meanwhile", function()
    local at <close> = gate.new()
    local waiter = ebb.spawn(ebb.block_in_place, gate.pass, at.path, 7)
    at:arrived(1)
    local turns = 0
    for _ = 1, 5 do settle() turns = turns + 1 end
    assert.equal(5, turns)
    assert.is_false(waiter:is_finished())
    at:open()
    assert.same({true, 7}, {waiter:join()})
  end)

  it("works where a call may not yield", function()
    local seen
    local function double(n)
      return ebb.block_in_place(function(m) return 2 * m end, n)
    end
    table.sort({2, 1}, function() seen = double(4) return false end)
    assert.equal(8, seen)
    assert.equal(10, coroutine.wrap(double)(5))
    assert.equal("12", (string.gsub("6", "%d", function(n)
      return double(math.tointeger(n))
    end)))
  end)

  it("works in the clean-up of an aborted task", function()
    local seen
    local task = ebb.spawn(function()
      local _ <close> = closer(function()
        seen = ebb.block_in_place(function() return 7 end)
      end)
      forever()
    end)
    settle()
    task:abort()
    task:join()
    assert.equal(7, seen)
  end)

  it("may be cut off by an abort", function()
    local at <close> = gate.new()
    local went_on = false
    local task = ebb.spawn(function()
      ebb.block_in_place(gate.pass, at.path)
      went_on = true
    end)
    at:arrived(1)
    task:abort()
    at:open()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(went_on)
  end)

  it("never runs its function when it is cut off before", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    local others = fill_pool(at)
    local task = ebb.spawn(ebb.block_in_place, write, path, "ran")
    settle()
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    at:open(THREADS)
    for _, other in ipairs(others) do other:join() end
    ebb.block_in_place(nothing)
    assert.equal("", read(path))
    os.remove(path)
  end)

  it("shows what its task waits for", function()
    local at <close> = gate.new()
    local task = ebb.spawn(ebb.block_in_place, gate.pass, at.path)
    at:arrived(1)
    assert.equal("waiting", entry(task:id()).state)
    assert.is_string(entry(task:id()).waiting_for)
    at:open()
    task:join()
  end)

  it("refuses to wait inside a finalizer", function()
    local message
    do
      setmetatable({}, {__gc = function()
        message = select(2, pcall(ebb.block_in_place, nothing))
      end})
    end
    collect()
    assert.matches("cannot wait inside a finalizer", message)
  end)
end)
