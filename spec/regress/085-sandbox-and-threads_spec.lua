-- #threads
-- States of other threads had all of Lua's library, whatever the state had
-- that sent them work: a sandbox without `os` reached it by spawn_blocking.

local run = require "run"

-- What is there on another thread, in a state that has lost `os` and `io`.
local PRELUDE <const> = [[
  local ebb = require "ebb"
  os, io, package.loaded.os, package.loaded.io = nil
  local function seen() return tostring(os), tostring(io), type(string) end
]]

local function prints(expected, code)
  assert.same({0, expected, ""}, {run(PRELUDE .. code)})
end

describe("a state without some libraries", function()
  it("does not reach them through blocking work", function()
    prints("nil\tnil\ttable\n", "print(ebb.block_in_place(seen))")
  end)

  it("does not reach them through blocking work of blocking work", function()
    prints("nil\tnil\ttable\n", [[
      print(ebb.block_in_place(function()
        return require "ebb".block_in_place(seen)
      end))
    ]])
  end)

  it("does not reach them through a Runtime, nor its pool", function()
    prints("nil\tnil\ttable\nnil\tnil\ttable\n", [[
      local runtime <close> = ebb.Runtime.new()
      print(runtime:handle():spawn(seen):await())
      print(runtime:handle():spawn_blocking(seen):await())
    ]])
  end)

  it("does not get them back by tables of their names", function()
    prints("nil\tnil\ttable\n", [[
      package.loaded.os = {}
      print(ebb.block_in_place(function()
        return tostring(os and os.getenv), tostring(io), type(string)
      end))
    ]])
  end)

  it("does not reach them on a thread that has worked for a state with them",
     function()
    assert.same({0, "table\nnil\n", ""}, {run [[
      local ebb = require "ebb"
      ebb.set_max_blocking_threads(1)
      print(ebb.block_in_place(function() return type(os) end))
      os, package.loaded.os = nil
      print(ebb.block_in_place(function() return tostring(os) end))
    ]]})
  end)
end)
