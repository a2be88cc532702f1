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

return markdown
