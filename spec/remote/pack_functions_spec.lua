-- #threads
-- Functions that cross from one Lua state to another, and the globals and
-- libraries that they find there.

-- The other side has globals of its own.
-- luacheck: ignore 11

local ebb = require "ebb"
local remote = require "remote"

local send, on_thread = remote.send, ebb.block_in_place

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
    assert.matches(("pack_functions_spec.lua:%d: boom"):format(line), message,
                   1, true)
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
