-- The rules of src/ebb.h, R1 and on, are more than prose: code that stands on
-- one cites it, and a test is named after it.

local source = require "source"

local rules = {}
for _, line in ipairs(source.read "src/ebb.h") do
  local rule = line:match "^   (R%d+) +%u"
  rules[#rules + 1] = rule
end

-- The files of a folder that match a pattern and hold a text.
local function files_with(folder, pattern, text)
  local found = {}
  for _, path in ipairs(source.files(folder, pattern)) do
    local content = table.concat(source.read(folder .. "/" .. path), "\n")
    if path ~= "ebb.h" and content:find(text) then found[#found + 1] = path end
  end
  return found
end

describe("the rules of ebb.h", function()
  it("are numbered from R1 on", function()
    assert.is_true(#rules >= 11)
    for i, rule in ipairs(rules) do assert.equal("R" .. i, rule) end
  end)

  for _, rule in ipairs(rules) do
    it(rule .. " is cited in the sources", function()
      local cited = files_with("src", "%.[ch]$", "%f[%w]" .. rule .. "%f[%W]")
      assert.not_equal(0, #cited)
    end)

    it(rule .. " is in the name of a test", function()
      local tests = files_with("spec/c", "_test%.c$", "\nTEST%(" .. rule .. "_")
      assert.not_equal(0, #tests)
    end)
  end
end)
