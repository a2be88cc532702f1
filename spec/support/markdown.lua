-- Reads the fenced code blocks of a Markdown text.
--
--   for _, block in ipairs(markdown.blocks(text)) do ... end
--
-- A block has `tag` (what stands behind the fence, or ""), `text`, `line`
-- (where it begins), and may have
--   file    the name that a line `<!-- file: NAME -->` gives it
--   output  the text of the next block, if that is tagged `text`

local markdown = {}

-- Calls f(number, line) for each line.
local function each_line(text, f)
  local number = 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    f(number, line)
  end
end

-- Whatever stands under `text` is what the block before it prints.
local function tie_outputs(blocks)
  for i, block in ipairs(blocks) do
    local next = blocks[i + 1]
    if next and next.tag == "text" then block.output = next.text end
  end
  return blocks
end

function markdown.blocks(text)
  local blocks, file, block = {}, nil, nil
  each_line(text, function(number, line)
    local tag = line:match "^```(.*)$"
    if tag and block then
      block.text = table.concat(block, "\n", 1) .. "\n"
      blocks[#blocks + 1], block, file = block, nil, nil
    elseif tag then
      block = {tag = tag, file = file, line = number + 1}
    elseif block then
      block[#block + 1] = line
    else
      file = line:match "^<!%-%- file: (%S+) %-%->$" or file
    end
  end)
  assert(not block, "a code block is not closed")
  return tie_outputs(blocks)
end

-- The text without its code blocks.
function markdown.prose(text)
  local lines, inside = {}, false
  each_line(text, function(_, line)
    if line:find "^```" then
      inside = not inside
    elseif not inside then
      lines[#lines + 1] = line
    end
  end)
  return table.concat(lines, "\n")
end

-- The headings, in their order.
function markdown.headings(text)
  local headings = {}
  for heading in ("\n" .. markdown.prose(text)):gmatch "\n#+ ([^\n]+)" do
    headings[#headings + 1] = heading
  end
  return headings
end

-- The anchor that a heading gets on GitHub.
function markdown.anchor(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-"))
end

-- Calls f(target) for each link.
function markdown.each_link(text, f)
  for target in markdown.prose(text):gmatch "%]%(([^()%s]*)%)" do f(target) end
end

return markdown
