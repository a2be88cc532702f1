-- How the text of the C files is.

local source = require "source"

local WIDTH <const> = 80

describe("the C files", function()
  it("have no line of more than " .. WIDTH .. " columns", function()
    local long = {}
    for _, folder in ipairs {"src", "spec/c", "examples"} do
      for _, path in ipairs(source.files(folder, "%.[ch]p?p?$")) do
        path = folder .. "/" .. path
        for number, line in ipairs(source.read(path)) do
          if (utf8.len(line) or #line) > WIDTH then
            long[#long + 1] = path .. ":" .. number
          end
        end
      end
    end
    source.none(long)
  end)
end)
