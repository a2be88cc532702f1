-- The source layout in docs/internals.md is that of src/.

local layout = require "layout"
local pages = require "pages"

describe("docs/internals.md", function()
  it("has each folder and file of src/", function()
    local written = layout.written(pages.source)
    assert.is_true(layout.section(pages.source) == written, "run ./dev docs")
  end)

  it("names files of src/ that exist", function()
    local page = pages.read(pages.source .. "/docs/internals.md")
    local list = layout.section(pages.source)
    for name in page:gmatch "%f[%w_]([%w_]+%.c)%f[%W]" do
      assert.is_truthy(list:find("`" .. name .. "`", 1, true), name)
    end
  end)
end)
