-- A panic whose error had a __tostring that failed or waited was not reported
-- at all, nor one whose function of set_unhandled failed; and a text ended at
-- its first zero.

local ebb = require "ebb"

local run = require "run"

local REPORT <const> = [[
local ebb = require "ebb"
local function object(f) return setmetatable({}, {__tostring = f}) end
do
  ebb.Builder.new():name("crawler"):spawn(error, %s)
end
ebb.yield_now()
collectgarbage()
collectgarbage()
print "goes on"
]]

local function report_of(value, before)
  local status, out, err = run((before or "") .. REPORT:format(value))
  assert.same({0, "goes on\n"}, {status, out})
  return err
end

describe("the report of a panic", function()
  local broken = {
    raises = 'object(function() error "no text" end)',
    waits = "object(function() ebb.sleep(1) return 'late' end)",
    ["gives no string"] = "object(function() return {} end)",
  }

  for name, value in pairs(broken) do
    it("has all else when the error's __tostring " .. name, function()
      assert.matches("^ebb: task %d+ panicked\n  name: crawler\n"
        .. "stack traceback:\n[^\n]*'error'\n$", report_of(value))
    end)
  end

  it("has a message with zeros whole", function()
    assert.matches('^ebb: task %d+ panicked with message "a%z%zb"\n',
                   report_of [["a\0\0b"]])
  end)

  for name, raised in pairs {["a string"] = '"broken"', ["nil"] = "nil",
                             ["an object"] = "setmetatable({}, {"
      .. "__tostring = function() error() end})"} do
    it("comes all the same when the function raises " .. name, function()
      local err = report_of('"boom"',
        ("local e = require 'ebb' e.set_unhandled(function() error(%s, 0) end)")
          :format(raised))
      assert.matches("^ebb: cannot report a panic: [^\n]+\n"
        .. 'ebb: task %d+ panicked with message "boom"\n', err)
    end)
  end
end)

describe("a JoinError as text", function()
  local function text_of(value)
    local task = ebb.spawn(error, value)
    return tostring(select(2, task:join())):gsub("^task %d+ ", "")
  end

  it("has zeros", function()
    assert.equal('panicked with message "a\0b"', (text_of "a\0b"))
  end)

  it("does without a message that cannot be had", function()
    assert.equal("panicked", (text_of(setmetatable({}, {__tostring = error}))))
  end)

  it("may wait for its message", function()
    local object = setmetatable({}, {__tostring = function()
      ebb.yield_now()
      return "late"
    end})
    assert.equal('panicked with message "late"', (text_of(object)))
  end)
end)
