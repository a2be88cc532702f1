-- The links of README.md and docs/, and their wording.

local markdown = require "markdown"
local pages = require "pages"

local function folder_of(name) return name:match "^(.*/)" or "" end

local function has_anchor(path, anchor)
  for _, heading in ipairs(markdown.headings(pages.read(path))) do
    if markdown.anchor(heading) == anchor then return true end
  end
  return false
end

local function assert_leads_somewhere(page, target)
  if target:find "^https?://" then return end
  local path, anchor = target:match "^([^#]*)#?(.*)$"
  local name = path == "" and page.name or folder_of(page.name) .. path
  local full = pages.source .. "/" .. name
  assert.is_true(pages.exists(full), target)
  if anchor ~= "" then assert.is_true(has_anchor(full, anchor), target) end
end

-- Headings are nouns of the field, and sentences have their subjects.
local AVOIDED_STARTS <const> = {
  Who = true, What = true, Where = true, How = true, Why = true, When = true
}
local AVOIDED <const> = {
  "%f[%a][Ww]ho%f[%A]", "%f[%a][Ss]omebody%f[%A]", "%f[%a][Nn]obody%f[%A]",
  "the word%f[%A]", "%f[%a][Ee]lsewhere%f[%A]"
}

-- Without code.
local function sentences(page)
  return (markdown.prose(page.text):gsub("`[^`]*`", ""):gsub("%s+", " "))
end

for _, page in ipairs(pages) do
  describe(page.name, function()
    it("has links that lead to files and headings", function()
      markdown.each_link(page.text, function(target)
        assert_leads_somewhere(page, target)
      end)
    end)

    it("has nouns in its headings", function()
      for _, heading in ipairs(markdown.headings(page.text)) do
        assert.is_nil(AVOIDED_STARTS[heading:match "^%a*"], heading)
      end
    end)

    it("has none of the phrases to avoid", function()
      local text = sentences(page)
      for _, pattern in ipairs(AVOIDED) do
        local at = text:find(pattern)
        assert.is_nil(at, at and text:sub(math.max(1, at - 40), at + 20))
      end
    end)
  end)
end

describe("README.md", function()
  it("has a link to each page of docs/", function()
    local linked = {}
    markdown.each_link(pages[1].text, function(target)
      linked[target:match "^[^#]*"] = true
    end)
    for i = 2, #pages do
      assert.is_true(linked[pages[i].name], pages[i].name)
    end
  end)

  it("has 200 lines at the most", function()
    local _, lines = pages[1].text:gsub("\n", "")
    assert.is_true(lines <= 200, lines .. " lines")
  end)
end)
