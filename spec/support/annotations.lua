-- Reads the annotations of the module.

local PATH <const> = (os.getenv "EBB_SOURCE" or ".") .. "/lua/meta/ebb.lua"

local annotations = {}

-- Name -> {comment = text above it, parameters = text}; class -> set of its
-- fields.
function annotations.read()
  local functions, fields = {}, {}
  local comment, class = "", nil
  for line in io.lines(PATH) do
    local name, parameters = line:match "^function ([%w_.:]+)%((.*)%) end$"
    local field = line:match "^%-%-%-@field ([%w_]+)"
    class = line:match "^%-%-%-@class ([%w_.]+)" or class
    if name then
      functions[name] = {comment = comment, parameters = parameters}
    elseif field then
      fields[class] = fields[class] or {}
      fields[class][field] = true
    end
    comment = line:match "^%-%-%-" and comment .. line .. "\n" or ""
  end
  return functions, fields
end

return annotations
