-- A read with a limit counted the part of a line's end or a delimiter that
-- had come already as if it were what was asked for: the same bytes were an
-- answer, or too long, depending on how they were cut into pieces.

local ebb = require "ebb"

-- As many turns as the loop needs to look at file descriptors for sure.
local function settle_all()
  for _ = 1, 130 do ebb.yield_now() end
end

-- What a read gives when the bytes come one by one, the end of the stream
-- after them, and how many bytes had come by then.
local function read_slowly(bytes, ...)
  local a <close>, b = ebb.net.pair()
  local reader = ebb.spawn(a.read, a, ...)
  settle_all()
  local n = 0
  while n < #bytes and not reader:is_finished() do
    n = n + 1
    assert.is_true(b:write(bytes:sub(n, n)))
    settle_all()
  end
  b:close()
  local data, _, code = reader:await()
  return data or code, n
end

local function assert_read(expected, count, ...)
  assert.same({expected, count}, {read_slowly(...)})
end

describe("a read with a limit, byte by byte,", function()
  it("gives a line as long as the limit, however it ends", function()
    assert_read("abcd", 5, "abcd\nx", "*l", 4)
    assert_read("abcd", 6, "abcd\r\nx", "*l", 4)
    assert_read("", 2, "\r\nx", "*l", 0)
  end)

  it("gives what is as long as the limit, before any delimiter", function()
    assert_read("abcd", 7, "abcdENDx", "END", 4)
    assert_read("abcE", 7, "abcEENDx", "END", 4)
    assert_read("", 3, "ENDx", "END", 0)
  end)

  it("is too long as soon as that is certain", function()
    assert_read("EMSGSIZE", 5, "abcdefgh", "*l", 4)
    assert_read("EMSGSIZE", 6, "abcd\rx\n", "*l", 4)
    assert_read("EMSGSIZE", 6, "abcd\r\r\n", "*l", 4)
    assert_read("EMSGSIZE", 5, "abcdeEND", "END", 4)
    assert_read("EMSGSIZE", 7, "abcdENxD", "END", 4)
    assert_read("EMSGSIZE", 6, "abcdEENDx", "END", 4)
    assert_read("EMSGSIZE", 5, "abcdef", "*a", 4)
  end)

  it("is too long when the stream ends within the delimiter", function()
    assert_read("EMSGSIZE", 5, "abcd\r", "*l", 4)
    assert_read("EMSGSIZE", 6, "abcdEN", "END", 4)
  end)
end)
