-- Commands for the shell.

local command = {}

-- A text as one word.
function command.quote(word)
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

-- A list of words as a command line.
function command.line(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = command.quote(word) end
  return table.concat(quoted, " ")
end

return command
