-- Places where a task may wait although plain Lua could not yield there.

local places = {}

local function meta(event, f)
  return setmetatable({}, {[event] = f})
end

places.meta = meta

function places.sorted_with(wait)
  local list = {3, 1, 2}
  table.sort(list, function(a, b) wait() return a < b end)
  return table.concat(list)
end

-- A reader for `load` that gives the pieces of a chunk.
local function reader(wait, pieces)
  local i = 0
  return function()
    wait()
    i = i + 1
    return pieces[i]
  end
end

local modules = 0

local function require_once(loader)
  modules = modules + 1
  local name = "places." .. modules
  package.preload[name] = loader
  local value = require(name)
  package.preload[name], package.loaded[name] = nil, nil
  return value
end

-- Each calls `wait` from a place where plain Lua could not yield, or where
-- somebody else would see the yield, and returns something that depends on
-- all of it having worked.
places.ALL = {
  ["a table.sort comparator"] = places.sorted_with,

  ["a string.gsub callback"] = function(wait)
    return (("a b c"):gsub("%w", function(c) wait() return c:upper() end))
  end,

  ["the __index of string.gsub's table"] = function(wait)
    local upper = meta("__index", function(_, c) wait() return c:upper() end)
    return (("a b c"):gsub("%w", upper))
  end,

  ["an __index metamethod"] = function(wait)
    return meta("__index", function(_, key) wait() return key .. "!" end).key
  end,

  ["a __newindex metamethod"] = function(wait)
    local got
    meta("__newindex", function(_, k, v) wait() got = k .. v end).key = 1
    return got
  end,

  ["an __add metamethod"] = function(wait)
    return meta("__add", function(_, n) wait() return n + 1 end) + 41
  end,

  ["a __unm metamethod"] = function(wait)
    return -meta("__unm", function() wait() return 42 end)
  end,

  ["a __concat metamethod"] = function(wait)
    return meta("__concat", function(_, s) wait() return s end) .. "end"
  end,

  ["a __len metamethod"] = function(wait)
    return #meta("__len", function() wait() return 42 end)
  end,

  ["an __eq metamethod"] = function(wait)
    return meta("__eq", function() wait() return true end) == {}
  end,

  ["a __lt metamethod"] = function(wait)
    return meta("__lt", function() wait() return true end) < 1
  end,

  ["a __le metamethod"] = function(wait)
    return meta("__le", function() wait() return true end) <= 1
  end,

  ["a __call metamethod"] = function(wait)
    return meta("__call", function(_, n) wait() return n + 1 end)(41)
  end,

  ["a __close metamethod at the end of a block"] = function(wait)
    local log = {}
    do
      local _ <close> = meta("__close", function()
        wait()
        log[#log + 1] = "closed"
      end)
      log[#log + 1] = "block"
    end
    return table.concat(log, " ")
  end,

  ["a __close metamethod after an error"] = function(wait)
    local closed
    local _, err = pcall(function()
      local _ <close> = meta("__close", function(_, e) wait() closed = e end)
      error("boom", 0)
    end)
    return err .. closed
  end,

  ["a __pairs metamethod"] = function(wait)
    local t = meta("__pairs", function() wait() return next, {key = 1} end)
    local key = pairs(t)({key = 1})
    return key
  end,

  ["a __tostring metamethod"] = function(wait)
    return tostring(meta("__tostring", function() wait() return "text" end))
  end,

  ["a __tostring metamethod called by string.format"] = function(wait)
    local object = meta("__tostring", function() wait() return "text" end)
    return ("<%s>"):format(object)
  end,

  ["an __index metamethod called by table.concat"] = function(wait)
    local list = meta("__index", function(_, i) wait() return i * i end)
    return table.concat(list, " ", 1, 3)
  end,

  ["an __index metamethod called by table.unpack"] = function(wait)
    local list = meta("__index", function(_, i) wait() return i * i end)
    return (select(3, table.unpack(list, 1, 3)))
  end,

  ["a __lt metamethod called by table.sort"] = function(wait)
    local mt = {__lt = function(a, b) wait() return a.n < b.n end}
    local list = {}
    for i, n in ipairs {3, 1, 2} do list[i] = setmetatable({n = n}, mt) end
    table.sort(list)
    return list[1].n .. list[2].n .. list[3].n
  end,

  ["an iterator of a for loop"] = function(wait)
    local sum = 0
    for n in function(_, n)
      wait()
      if n < 3 then return n + 1 end
    end, nil, 0 do sum = sum + n end
    return sum
  end,

  ["a generator"] = function(wait)
    local got = {}
    for n in coroutine.wrap(function()
      for n = 1, 3 do
        wait()
        coroutine.yield(n)
      end
      wait()
    end) do got[#got + 1] = n end
    return table.concat(got, " ")
  end,

  ["a coroutine that is resumed"] = function(wait)
    local co = coroutine.create(function(n)
      wait()
      n = coroutine.yield(n + 1)
      wait()
      return n + 1
    end)
    local _, first = coroutine.resume(co, 1)
    local _, second = coroutine.resume(co, 10)
    return first .. " " .. second .. " " .. coroutine.status(co)
  end,

  ["a generator inside a generator"] = function(wait)
    local function numbers()
      for n = 1, 3 do
        wait()
        coroutine.yield(n)
      end
    end
    local function doubled()
      for n in coroutine.wrap(numbers) do
        wait()
        coroutine.yield(2 * n)
      end
    end
    local got = {}
    for n in coroutine.wrap(doubled) do got[#got + 1] = n end
    return table.concat(got, " ")
  end,

  ["a sort comparator inside a generator"] = function(wait)
    return coroutine.wrap(function()
      local list = {3, 1, 2}
      table.sort(list, function(a, b) wait() return a < b end)
      coroutine.yield(table.concat(list))
    end)()
  end,

  ["a generator inside a sort comparator"] = function(wait)
    local list = {3, 1, 2}
    table.sort(list, function(a, b)
      return coroutine.wrap(function()
        wait()
        coroutine.yield(a < b)
      end)()
    end)
    return table.concat(list)
  end,

  ["the __close of a generator that is closed"] = function(wait)
    local log = {}
    local co = coroutine.create(function()
      local _ <close> = meta("__close", function()
        wait()
        log[#log + 1] = "closed"
      end)
      coroutine.yield()
    end)
    coroutine.resume(co)
    log[#log + 1] = tostring(coroutine.close(co))
    return table.concat(log, " ")
  end,

  ["pcall"] = function(wait)
    local ok, err = pcall(function() wait() error("boom", 0) end)
    return tostring(ok) .. err
  end,

  ["pcall inside a sort comparator"] = function(wait)
    local list = {3, 1, 2}
    table.sort(list, function(a, b)
      pcall(function() wait() error "boom" end)
      return a < b
    end)
    return table.concat(list)
  end,

  ["xpcall"] = function(wait)
    local _, err = xpcall(function() wait() error("boom", 0) end,
                          string.upper)
    return err
  end,

  ["a message handler"] = function(wait)
    local _, err = xpcall(error, function(m) wait() return m .. "!" end, "e")
    return err
  end,

  ["the body of a module"] = function(wait)
    return require_once(function() wait() return "module" end)
  end,

  ["the reader of load"] = function(wait)
    return load(reader(wait, {"return ", "40", " + 2"}))()
  end,

  ["a debug hook"] = function(wait)
    local left = 3
    debug.sethook(function()
      if left > 0 then
        left = left - 1
        wait()
      end
    end, "l")
    local a = 1
    local b = a + 1
    local c = b + 1
    debug.sethook()
    return c .. " " .. left
  end,
}

-- What a place gives when nothing waits, and how often it calls `wait`.
function places.dry_run(place)
  local calls = 0
  local value = place(function() calls = calls + 1 end)
  return value, calls
end

return places
