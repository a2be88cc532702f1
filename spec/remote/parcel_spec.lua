-- #threads
-- What crosses from one Lua state to another, and how: by block_in_place,
-- whose arguments, function and results all do.

local ebb = require "ebb"
local common = require "common"

local collect, error_of = common.collect, common.error_of

-- The other side has globals of its own.
-- luacheck: ignore 11

-- Sends values to another thread and back.
local function send(...)
  return ebb.block_in_place(function(...) return ... end, ...)
end

-- Calls f(...) on another thread.
local on_thread = ebb.block_in_place

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

describe("a function that crosses", function()
  it("works with its arguments and results", function()
    assert.same({3, 4}, {on_thread(function(a, b) return a + 1, b + 1 end,
                                   2, 3)})
    assert.equal(7, send(function() return 7 end)())
  end)

  it("has a copy of its upvalues", function()
    local n, t = 40, {2}
    local function f()
      n = n + t[1]
      t[1] = "changed"
      return n
    end
    assert.equal(42, on_thread(f))
    assert.same({40, {2}}, {n, t})
  end)

  it("shares upvalues with the functions that cross with it", function()
    local n = 0
    local counter = {
      add = function() n = n + 1 end,
      get = function() return n end,
    }
    assert.equal(2, on_thread(function(c)
      c.add()
      c.add()
      return c.get()
    end, counter))
    assert.equal(0, n)
    local back = send(counter)
    back.add()
    assert.same({1, 0}, {back.get(), n})
  end)

  it("shares upvalues that it has in common with an inner one", function()
    local n = 1
    local function inner() n = n * 10 end
    assert.equal(20, on_thread(function()
      n = n + 1
      inner()
      return n
    end))
  end)

  it("may refer to itself", function()
    local function factorial(n)
      return n <= 1 and 1 or n * factorial(n - 1)
    end
    assert.equal(120, on_thread(factorial, 5))
    assert.equal(120, send(factorial)(5))
  end)

  it("may refer to another that refers to it", function()
    local is_odd
    local function is_even(n) return n == 0 or is_odd(n - 1) end
    function is_odd(n) return n ~= 0 and is_even(n - 1) end
    assert.same({true, false}, {on_thread(is_even, 10), on_thread(is_odd, 10)})
  end)

  it("is one function wherever it occurs in one call", function()
    local function f() end
    local a, b = send(f, {f})
    assert.is_true(rawequal(a, b[1]))
    assert.is_true(on_thread(function(g) return rawequal(f, g) end, f))
  end)

  it("may have upvalues that are nil", function()
    local nothing
    assert.is_nil(on_thread(function() return nothing end))
    assert.equal(5, on_thread(function() nothing = 5 return nothing end))
  end)

  it("may have as many upvalues as there can be", function()
    -- 253 beside _ENV; a function has room for 200 locals of its own.
    local outer, inner, sum = {}, {}, {"_ENV and 0"}
    for i = 1, 127 do
      outer[i], inner[i] = "a" .. i, "b" .. i
      sum[#sum + 1] = outer[i] .. " + " .. inner[i]
    end
    local code = ("local %s = ... return function(...) local %s = ... " ..
      "return function() return %s end end"):format(
        table.concat(outer, ","), table.concat(inner, ","),
        table.concat(sum, " + "))
    local numbers = {}
    for i = 1, 127 do numbers[i] = i end
    local f = load(code)(table.unpack(numbers))(table.unpack(numbers))
    assert.equal(255, debug.getinfo(f, "u").nups)
    assert.equal(2 * 8128, on_thread(f))
  end)

  it("may take any number of arguments", function()
    assert.equal(300, on_thread(function(...) return select("#", ...) end,
                                table.unpack({}, 1, 300)))
  end)

  it("uses the other side's globals", function()
    _G.parcel_mark = "here"
    local there = on_thread(function() return parcel_mark end)
    local came_back = send(function() return parcel_mark end)
    assert.is_nil(there)
    assert.equal("here", came_back())
    _G.parcel_mark = nil
  end)

  it("has the libraries there", function()
    assert.same({"HI", 3, 2, "table"}, {on_thread(function()
      return ("hi"):upper(), math.max(1, 3), #table.pack(1, 2), type(_G)
    end)})
  end)

  it("uses them also in the place of an environment of its own", function()
    local env = {mark = "own", tostring = tostring}
    local f = assert(load("return mark, tostring(1)", "f", "t", env))
    assert.same({nil, "1"}, {on_thread(f)})
  end)

  it("keeps its name and lines for errors and tracebacks", function()
    local function culprit() error "boom" end
    local line = debug.getinfo(culprit, "S").linedefined
    local ok, message = on_thread(function(f) return pcall(f) end, culprit)
    assert.is_false(ok)
    assert.matches(("parcel_spec.lua:%d: boom"):format(line), message, 1, true)
  end)

  it("has its constants, nested functions and loops", function()
    local function f(n)
      local squares = {}
      for i = 1, n do
        squares[i] = (function() return i * i end)()
      end
      goto done
      ::done::
      return table.concat(squares, " "), 0x7fffffffffffffff, 1e308, "\0\1"
    end
    assert.same({f(5)}, {on_thread(f, 5)})
  end)

  it("was stripped, and works all the same", function()
    local f = load(string.dump(function(n) return n + 1 end, true))
    assert.equal(8, on_thread(f, 7))
  end)
end)

describe("the globals table", function()
  it("becomes the other side's, as an argument", function()
    assert.is_true(on_thread(function(g) return rawequal(g, _G) end, _G))
  end)

  it("becomes the other side's, in a table or an upvalue", function()
    local g = _G
    assert.is_true(on_thread(function(t)
      return rawequal(t.g, _G) and rawequal(g, _G) and rawequal(t[_G], _G)
    end, {g = _G, [_G] = _G}))
  end)

  it("becomes this side's on its way back", function()
    assert.is_true(rawequal(_G, on_thread(function() return _G end)))
    assert.is_true(rawequal(_G, on_thread(function() return {_G} end)[1]))
  end)

  it("keeps what the other side has set away from this one", function()
    on_thread(function() parcel_mark = "there" end)
    assert.is_nil(rawget(_G, "parcel_mark"))
  end)
end)

describe("a table of the standard library, or of ebb,", function()
  it("becomes the other side's", function()
    for _, name in ipairs {"coroutine", "debug", "io", "math", "os",
                           "package", "string", "table", "utf8"} do
      local library = _G[name]
      assert.is_true(on_thread(function(n, arg)
        return rawequal(library, _G[n]) and rawequal(arg, _G[n])
      end, name, library), name)
      assert.is_true(rawequal(library, send(library)), name)
      assert.is_true(rawequal(library, send({library})[1]), name)
    end
    assert.is_true(on_thread(function()
      return rawequal(ebb, require "ebb")
    end))
    for _, class in ipairs {"JoinMap", "JoinSet", "LocalSet", "Builder",
                            "Runtime", "Handle", "time"} do
      local table <const> = ebb[class]
      assert.is_true(on_thread(function(n)
        return rawequal(table, require "ebb"[n])
      end, class), class)
    end
  end)

  it("may be what a function was written with", function()
    assert.same({4, "slept"}, {on_thread(function()
      ebb.sleep(0.0001)
      local set = ebb.JoinSet.new()
      set:spawn(function() return math.max(1, 4) end)
      return select(2, set:join_next()), "slept"
    end)})
  end)
end)

local thread = coroutine.create(function() end)

-- What cannot be sent, by the word for it.
local UNSENDABLE = {
  ["a userdata"] = io.stdout,
  ["a C function"] = print,
  ["a thread"] = thread,
}

describe("what cannot be sent", function()
  for what, value in pairs(UNSENDABLE) do
    local message <const> = "cannot send " .. what

    it("is named as an argument: " .. what, function()
      local err = error_of(on_thread, function() end, "fine", value)
      assert.matches(message .. " (argument 2)", err, 1, true)
    end)

    it("is named as a field: " .. what, function()
      local err = error_of(on_thread, function() end, {x = value})
      assert.matches(message .. " (field 'x')", err, 1, true)
    end)

    it("is named as a field of a field: " .. what, function()
      local err = error_of(on_thread, function() end, {a = {x = value}})
      assert.matches(message, err, 1, true)
      assert.matches("x", err, 1, true)
    end)

    it("is named as an element: " .. what, function()
      local err = error_of(on_thread, function() end, {1, 2, value})
      assert.matches(message, err, 1, true)
      assert.matches("3", err, 1, true)
    end)

    it("is refused as a key: " .. what, function()
      local err = error_of(on_thread, function() end, {[value] = 1})
      assert.matches(message, err, 1, true)
    end)

    it("is named as an upvalue: " .. what, function()
      local file = value
      local err = error_of(on_thread, function() return file end)
      assert.matches(message .. " (upvalue 'file')", err, 1, true)
    end)

    it("is named as an upvalue of an upvalue: " .. what, function()
      local file = value
      local function inner() return file end
      local err = error_of(on_thread, function() return inner end)
      assert.matches(message .. " (upvalue 'file')", err, 1, true)
    end)

    it("makes the work panic as a result: " .. what, function()
      local name = what == "a userdata" and "io.stdout"
        or what == "a C function" and "print"
        or "coroutine.create(function() end)"
      local f = assert(load("return 1, " .. name))
      local _, err = ebb.spawn_blocking(f):join()
      assert.is_true(err:is_panic())
      assert.matches(message .. " (result 2)", err:into_panic(), 1, true)
    end)

    it("makes the work panic in a result: " .. what, function()
      local name = what == "a userdata" and "io.stdout"
        or what == "a C function" and "print"
        or "coroutine.create(function() end)"
      local f = assert(load("return {x = " .. name .. "}"))
      local _, err = ebb.spawn_blocking(f):join()
      assert.matches(message .. " (field 'x')", err:into_panic(), 1, true)
    end)
  end

  it("is a JoinHandle, map, set, or key of a task-local", function()
    local done = ebb.spawn(function() end)
    for _, value in ipairs {
      done, done:abort_handle(), ebb.JoinMap.new(), ebb.JoinSet.new(),
      ebb.LocalSet.new(), ebb.Builder.new(), ebb.task_local "key",
    } do
      assert.matches("cannot send a userdata",
                     error_of(send, value), 1, true)
    end
    done:join()
  end)

  it("is a C function as the body", function()
    assert.matches("cannot send a C function",
                   error_of(on_thread, print), 1, true)
  end)

  it("is a coroutine as the body", function()
    assert.is_string(error_of(on_thread, coroutine.create(function() end)))
  end)

  it("is a table of C functions that is no library", function()
    assert.matches("cannot send a C function (field 'max')",
                   error_of(send, {max = math.max}), 1, true)
  end)

  it("does not start the work", function()
    collect()
    local before = #ebb.tasks()
    for _ = 1, 100 do
      error_of(ebb.spawn_blocking, function() end, {{{io.stdout}}})
    end
    assert.equal(before, #ebb.tasks())
  end)

  it("leaves no memory behind", function()
    local big = {}
    for i = 1, 1000 do big[i] = ("x"):rep(100) .. i end
    big[#big + 1] = io.stdout
    local function attempt()
      for _ = 1, 20 do error_of(send, big) end
      collect()
      return collectgarbage "count"
    end
    local before = attempt()
    for _ = 1, 5 do attempt() end
    assert.is_true(attempt() - before < 100)
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
