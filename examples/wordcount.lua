-- Counts the words of files, one task per file. The tasks take turns after
-- each chunk, so a huge file does not hold up the results of small ones, and
-- a file that cannot be read is one failed key.
--
-- Run: ./dev run examples/wordcount.lua FILE...
--
-- Prints "FILE: N words" for each file as it is done, then the total and the
-- ten most frequent words. Errors go to stderr and make the exit code 1.

local ebb = require "ebb"

local WORD <const>, GAP <const> = "[%w'\128-\255]+", "[^%w'\128-\255]"

local function count_file(path)
  local file <close>, why = io.open(path, "rb")
  if not file then error(why, 0) end
  local counts, total, text = {}, 0, ""
  repeat
    local chunk, err = file:read(64 * 1024)
    if err then error(path .. ": " .. err, 0) end
    text = text .. (chunk or " "):lower()
    -- What follows the last gap may go on in the next chunk.
    local gap = #text + 1 - (text:reverse():find(GAP) or #text + 1)
    for word in text:sub(1, gap):gmatch(WORD) do
      counts[word], total = (counts[word] or 0) + 1, total + 1
    end
    text = text:sub(gap + 1)
    ebb.yield_now()
  until not chunk
  return total, counts
end

local function ten_most_frequent(counts)
  local words = {}
  for word in pairs(counts) do words[#words + 1] = word end
  table.sort(words, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return table.move(words, 1, 10, 1, {})
end

if #arg == 0 then
  io.stderr:write "usage: wordcount.lua FILE...\n"
  os.exit(2)
end

-- The key is the name: a file that is named twice is counted once.
local map = ebb.JoinMap.new()
for _, path in ipairs(arg) do map:spawn(path, count_file, path) end

local all, total, failed = {}, 0, false
for path, ok, words, counts in map.join_next, map do
  if ok then
    print(("%s: %d words"):format(path, words))
    total = total + words
    for word, n in pairs(counts) do all[word] = (all[word] or 0) + n end
  else
    io.stderr:write("wordcount: ", tostring(words:into_panic()), "\n")
    failed = true
  end
end
print(("total: %d words"):format(total))
for _, word in ipairs(ten_most_frequent(all)) do
  print(("%8d  %s"):format(all[word], word))
end
os.exit(not failed, true)
