-- #threads
-- Values and tables that cross from one Lua state to another by
-- block_in_place, whose arguments, function and results all do.

-- The other side has globals of its own.
-- luacheck: ignore 11

local ebb = require "ebb"
local common = require "common"
local remote = require "remote"

local collect, error_of = common.collect, common.error_of

local send, on_thread = remote.send, ebb.block_in_place

-- A number comes back as the same number, of the same subtype.
local function assert_same_number(expected, actual)
  assert.equal(math.type(expected), math.type(actual))
  assert.equal(("%q"):format(expected), ("%q"):format(actual))
end

describe("a value that crosses", function()
  it("may be nil, with its place kept", function()
    assert.same({n = 4, nil, 1, nil, nil}, table.pack(send(nil, 1, nil, nil)))
    assert.same({n = 1}, table.pack(send(nil)))
    assert.same({n = 0}, table.pack(send()))
  end)

  it("may be a boolean", function()
    assert.same({true, false}, {send(true, false)})
  end)

  it("may be an integer", function()
    for _, n in ipairs {0, 1, -1, 42, 2^53|0, math.maxinteger,
                        math.mininteger} do
      assert_same_number(n, send(n))
    end
  end)

  it("may be a float, which stays one", function()
    for _, n in ipairs {0.0, -0.0, 1.0, 0.1, -2.5e300, 5e-324, 2^53,
                        math.huge, -math.huge} do
      assert_same_number(n, send(n))
    end
    local nan = send(0 / 0)
    assert.is_true(nan ~= nan)
  end)

  it("may be any string", function()
    for _, s in ipairs {"", "text", "a\0b\0", "\255\254", ("x"):rep(40),
                        ("x"):rep(41), ("long\0"):rep(200000)} do
      assert.is_true(s == send(s))
    end
  end)

  it("may be one of a thousand", function()
    local values = {}
    for i = 1, 1000 do values[i] = i end
    assert.same(values, {send(table.unpack(values))})
  end)

  it("may be light userdata", function()
    local f = function() return collect end
    local light = debug.upvalueid(f, 1)
    assert.equal("userdata", type(light))
    assert.is_true(rawequal(light, send(light)))
    assert.is_true(rawequal(light, send({light})[1]))
  end)
end)

describe("a table that crosses", function()
  it("is a copy with the same content", function()
    local t = {1, 2.0, "three", {four = true}, [10] = "ten", [2.5] = "half",
               [true] = "yes", [false] = "no"}
    local copy = send(t)
    assert.is_false(rawequal(t, copy))
    assert.same(t, copy)
    assert_same_number(2.0, copy[2])
  end)

  it("may be empty", function()
    assert.same({}, send({}))
  end)

  it("may have holes", function()
    local copy = send({1, nil, 3, nil, nil, 6})
    assert.same({[1] = 1, [3] = 3, [6] = 6}, copy)
  end)

  it("may have 100,000 numbers", function()
    local t = {}
    for i = 1, 100000 do t[i] = i end
    local sum, count = on_thread(function(numbers)
      local total = 0
      for _, n in ipairs(numbers) do total = total + n end
      return total, #numbers
    end, t)
    assert.same({5000050000, 100000}, {sum, count})
    local copy = send(t)
    assert.equal(100000, #copy)
    for i = 1, 100000 do assert(copy[i] == i) end
  end)

  it("may have a length that is far beyond its elements", function()
    -- With room in its hash part, Lua looks for the end of 1, 2, 4, 8...
    local t = {}
    for i = 1, 129 do t["key " .. i] = true end
    for i = 1, 129 do t["key " .. i] = nil end
    for i = 0, 62 do t[1 << i] = true end
    if _VERSION == "Lua 5.4" then assert.is_true(#t > 1 << 32) end
    assert.same(t, send(t))
  end)

  it("may have many keys that are strings", function()
    local t = {}
    for i = 1, 5000 do t["key " .. i] = i end
    assert.same(t, send(t))
  end)

  it("may have tables and functions as keys", function()
    local key = {name = "key"}
    local copy = send({[key] = key, [function() return 7 end] = "function"})
    local found = 0
    for k, v in pairs(copy) do
      found = found + 1
      if type(k) == "table" then
        assert.is_true(rawequal(k, v))
        assert.same({name = "key"}, k)
      else
        assert.equal(7, k())
        assert.equal("function", v)
      end
    end
    assert.equal(2, found)
  end)

  it("keeps cycles", function()
    local t = {}
    t.self, t[t] = t, {t}
    local copy = send(t)
    assert.is_true(rawequal(copy, copy.self))
    assert.is_true(rawequal(copy, copy[copy][1]))
    assert.is_true(on_thread(function(c) return rawequal(c, c.self) end, t))
  end)

  it("is one table wherever it occurs in one call", function()
    local t = {}
    local a, b, c = send(t, {field = t}, t)
    assert.is_true(rawequal(a, c))
    assert.is_true(rawequal(a, b.field))
  end)

  it("is one table as an upvalue and as an argument", function()
    local t = {}
    assert.is_true(on_thread(function(arg) return rawequal(t, arg) end, t))
  end)

  it("is another one in another call", function()
    local t = {}
    assert.is_false(rawequal(send(t), send(t)))
  end)

  it("is not changed by what the other side does with it", function()
    local t = {inner = {1}}
    on_thread(function(c) c.inner[1], c.new = 2, true end, t)
    assert.same({inner = {1}}, t)
  end)

  it("loses its metatable, none of whose methods is called", function()
    local function never() error "a metamethod was called" end
    local mt = {__index = never, __newindex = never, __pairs = never,
                __len = never, __name = "Thing", __metatable = "locked",
                __gc = nil, __close = never, __mode = "k"}
    local t = setmetatable({1, x = 2}, mt)
    local copy, has = on_thread(function(c)
      return c, getmetatable(c) ~= nil
    end, t)
    assert.is_false(has)
    assert.is_nil(getmetatable(copy))
    assert.equal("locked", getmetatable(t))
    assert.same({1, x = 2}, copy)
  end)

  it("may have a metatable that could not be sent", function()
    assert.same({1}, send(setmetatable({1}, {__index = io.stdout})))
  end)

  it("may be nested a thousand deep", function()
    local t = {}
    for _ = 1, 1000 do t = {t} end
    local copy, depth = send(t), 0
    while copy[1] do copy, depth = copy[1], depth + 1 end
    assert.equal(1000, depth)
  end)

  it("does not crash the process however deep it is", function()
    local t = {}
    for _ = 1, 200000 do t = {t} end
    local ok, copy = pcall(send, t)
    if not ok then
      assert.matches("deep", tostring(copy))
      return
    end
    local depth = 0
    while copy[1] do copy, depth = copy[1], depth + 1 end
    assert.equal(200000, depth)
  end)

  it("is let go on the other side", function()
    local count = on_thread(function(big)
      local before = #big
      big = nil
      collectgarbage()
      collectgarbage()
      return before
    end, {("x"):rep(1000)})
    assert.equal(1, count)
  end)
end)

describe("an error that crosses", function()
  it("is a copy of the value", function()
    local function raise(value) error(value, 0) end
    for _, value in ipairs {"text", 42, 1.5, true, {code = {7}}} do
      local _, err = ebb.spawn_blocking(raise, value):join()
      assert.same(value, err:into_panic())
    end
    local _, err = ebb.spawn_blocking(raise, nil):join()
    assert.is_true(err:is_panic())
    assert.equal(common.raised_nil, err:into_panic())
  end)

  it("is its text when it cannot be sent", function()
    local _, err = ebb.spawn_blocking(function() error(print) end):join()
    assert.matches("^function: ", err:into_panic())
    _, err = ebb.spawn_blocking(function() error(io.stdout) end):join()
    assert.matches("^file %(", err:into_panic())
  end)

  it("is its text when only a part of it cannot be sent", function()
    local _, err = ebb.spawn_blocking(function()
      error(setmetatable({file = io.stdout}, {
        __tostring = function() return "described" end,
      }))
    end):join()
    assert.equal("described", err:into_panic())
  end)

  it("is raised by block_in_place, as the copy", function()
    assert.same({code = 7}, error_of(on_thread, function()
      error {code = 7}
    end))
  end)

  it("does no harm when its __tostring raises, too", function()
    local _, err = ebb.spawn_blocking(function()
      error(setmetatable({io.stdout}, {__tostring = error}))
    end):join()
    assert.is_true(err:is_panic())
    assert.is_not_nil(err:into_panic())
  end)
end)
