-- Lua's parser owns buffers while it calls the reader of `load`; they leaked
-- when a task was aborted in a wait of its reader.

local ebb = require "ebb"
local common = require "common"

local HALF <const> = 300000 -- of a token, so that the buffer gets large

-- Gives the halves of `return "aaa..."`, and waits before the second.
local function slow_reader()
  local pieces = {'return "' .. ("a"):rep(HALF), ("a"):rep(HALF) .. '"'}
  return function()
    if #pieces == 1 then ebb.sleep(1) end
    return table.remove(pieces, 1)
  end
end

local function load_slowly() return load(slow_reader()) end

local function in_task(f) return ebb.spawn(f):await() end

-- In the main chunk, but away from busted's message handler, through which
-- Lua's own `load` sends errors of the reader.
local function in_place(f) return coroutine.wrap(f)() end

describe("the reader of load", function()
  before_each(ebb.time.pause)
  after_each(ebb.time.resume)

  for place, body in pairs {
    ["in a task"] = load_slowly,
    ["in a generator"] = function() return coroutine.wrap(load_slowly)() end,
    ["in a comparator"] = function()
      table.sort({1, 2}, function() return load_slowly() == nil end)
    end,
  } do
    it("may be aborted, and nothing leaks, " .. place, function()
      local function abort_one()
        local task = ebb.spawn(body)
        ebb.yield_now()
        task:abort()
        assert.is_true(select(2, task:join()):is_cancelled())
      end
      abort_one()
      common.collect()
      local before = collectgarbage "count"
      for _ = 1, 20 do abort_one() end
      common.collect()
      assert.is_true(collectgarbage "count" - before < 2 * HALF / 1024)
    end)
  end

  it("may wait", function()
    for _, run in ipairs {in_task, in_place} do
      assert.equal(2 * HALF, #run(load_slowly)())
    end
  end)

  it("may use coroutine.yield in a generator", function()
    in_task(function()
      local pieces = {"return ", "...", nil}
      local generator = coroutine.wrap(function()
        return load(function()
          coroutine.yield(#pieces)
          return table.remove(pieces, 1)
        end)
      end)
      assert.same({2, 1, 0}, {generator(), generator(), generator()})
      assert.equal(7, generator()(7))
    end)
  end)
end)

-- What Lua says of each call, and what is said in a task, by ebb's `load`.
describe("load in a task", function()
  local function pieces(...)
    local list, i = {...}, 0
    return function()
      i = i + 1
      return list[i]
    end
  end
  local code = string.dump(function() return 1 end)

  for title, call in pairs {
    ["takes pieces up to nil"] = function()
      return load(pieces("return ", "1"))()
    end,
    ["takes pieces up to an empty one"] = function()
      return load(pieces("return ", "1", "", "+ 1"))()
    end,
    ["takes numbers for pieces"] = function()
      return load(pieces("return ", 1, 2))()
    end,
    ["takes no piece at all"] = function() return load(pieces())() end,
    ["returns an error of the reader"] = function()
      return load(function() error "hhi" end)
    end,
    ["returns an error of any type"] = function()
      return load(function() error(12) end)
    end,
    ["returns errors of syntax"] = function()
      return load(pieces("*a = 123"))
    end,
    ["names the chunk in them"] = function()
      return load(pieces("*a"), "@chunk")
    end,
    ["takes binary code"] = function()
      return load(pieces(code:sub(1, 5), code:sub(6)), "b", "b")()
    end,
    ["refuses the wrong kind of code"] = function()
      return load(pieces(code), nil, "t")
    end,
    ["refuses text as well"] = function()
      return load(pieces("return"), nil, "b")
    end,
    ["takes an environment"] = function()
      return load(pieces("return x"), "c", "t", {x = "found"})()
    end,
    ["takes nil for one"] = function()
      return pcall(load(pieces("return x"), "c", "t", nil))
    end,
    ["takes a string"] = function() return load("return ...")(3) end,
    ["refuses what is no reader"] = function() return pcall(load, {}) end,
    ["refuses a wrong name"] = function() return pcall(load, pieces(), {}) end,
    ["refuses a wrong mode"] = function()
      return pcall(load, "", "", {})
    end,
  } do
    it(title, function()
      local expected = table.pack(in_place(call))
      local results = table.pack(in_task(call))
      assert.same(expected, results)
    end)
  end

  it("refuses a piece that is no string", function()
    for _, run in ipairs {in_task, in_place} do
      local f, message = run(function()
        return load(function() return true end)
      end)
      assert.is_nil(f)
      assert.match("reader function must return a string", message)
    end
  end)
end)
