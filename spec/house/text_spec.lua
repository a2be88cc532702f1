-- How the text of the C files is: its width, its comments and its asserts.

local source = require "source"

local WIDTH <const> = 80
local ASSERTS <const> = 0.012 -- to a line
local COMMENTS <const> = 0.22 -- lines to a line of code, in .c files

-- Returns how many lines of a file hold a comment only, and how many code.
local function count_comments(path)
  local text = table.concat(source.read(path), "\n") .. "\n"
  -- A string may hold what looks like a comment.
  text = text:gsub('\\.', "__"):gsub("'\"'", "___")
    :gsub('"[^"\n]*"', function(s) return ("_"):rep(#s) end)
  -- Of a comment, a mark on each of its lines stays.
  text = text:gsub("/%*.-%*/", function(comment)
    return "\1" .. comment:gsub("[^\n]", ""):gsub("\n", "\n\1")
  end)
  local comments, code = 0, 0
  for line in text:gmatch "(.-)\n" do
    if line:find "[^%s\1]" then
      code = code + 1
    elseif line:find "\1" then
      comments = comments + 1
    end
  end
  return comments, code
end

local function count_asserts(path)
  local asserts, lines = 0, source.read(path)
  for _, line in ipairs(lines) do
    local _, found = line:gsub("assert%(", "")
    asserts = asserts + found
  end
  return asserts, #lines
end

-- Holds what `count` says of the files of a wing, a part and a whole, against
-- a least ratio. The list begins with the sum, and goes on with the files that
-- have least.
local function hold(wing, pattern, count, least)
  local folder, list = "src/" .. wing, {}
  local all_parts, all_wholes = 0, 0
  local function add(text, part, whole)
    list[#list + 1] = text:format(part / whole, part, whole)
  end
  for _, path in ipairs(source.files(folder, pattern)) do
    local part, whole = count(folder .. "/" .. path)
    all_parts, all_wholes = all_parts + part, all_wholes + whole
    add("%.3f, %d of %d: " .. path, part, whole)
  end
  if all_parts / all_wholes >= least then return end
  add("(all) %.3f, %d of %d", all_parts, all_wholes)
  source.none(list)
end

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

  for _, wing in ipairs {"core", "lua"} do
    it(("of %s have %.0f asserts in 1000 lines"):format(wing, ASSERTS * 1000),
       function() hold(wing, "%.[ch]$", count_asserts, ASSERTS) end)

    it(("of %s have %.2f lines of comments to one of code"):format(wing,
       COMMENTS), function()
      hold(wing, "%.c$", count_comments, COMMENTS)
    end)
  end
end)
