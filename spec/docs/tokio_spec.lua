-- spec/tokio.md is true: each spec file and each sentence that it names is
-- there, and it has each test of the files that it counts once.

local SOURCE <const> = os.getenv "EBB_SOURCE" or "."

local lfs = require "lfs" -- which busted needs, too

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

-- ---- the specs

-- The file of `task/id_spec`, or of `regress/130`.
local function path_of(spec)
  local number = spec:match "^regress/(%d+)$"
  if not number then return SOURCE .. "/spec/" .. spec .. ".lua" end
  for name in lfs.dir(SOURCE .. "/spec/regress") do
    if name:sub(1, #number + 1) == number .. "-" then
      return SOURCE .. "/spec/regress/" .. name
    end
  end
end

-- What stands in the names of a file's tests and groups, one a line. Of a name
-- that is put together it is what stands before the first variable.
local function names_in(path)
  local text = read(path):gsub('"%s*%.%.%s*"', ""):gsub('\\"', "'")
  local names = {}
  for call, name in text:gmatch '([%a_]+)%(%s*"([^"\n]*)"' do
    if call == "it" or call == "describe" then names[#names + 1] = name end
  end
  return table.concat(names, "\n")
end

local cache = {}

local function has_sentence(spec, sentence)
  cache[spec] = cache[spec] or names_in(assert(path_of(spec), spec))
  return cache[spec]:find(sentence, 1, true) ~= nil
end

-- ---- the table

-- Calls f(spec, sentence) for what a cell names; `sentence` is nil for a spec
-- alone. A sentence is of the spec that was named last.
local function each_reference(cell, f)
  local spec
  for quote, text in cell:gmatch '([`"])(.-)%1' do
    if quote == '"' then
      if spec then f(spec, text) end
    elseif text:find "_spec$" or text:find "^regress/" then
      spec = text
      f(spec)
    end
  end
end

local function count_in(file, tests, here)
  for name in tests:gmatch "`(.-)`" do
    file.tests[#file.tests + 1] = name
    if not here:find "^no: " then file.here = file.here + 1 end
  end
end

-- The rows, as pairs of cells; and Tokio's files that have a number of tests:
-- `name`, `count`, `tests`, and `here`, how many of them are here.
local function read_table()
  local rows, files, file = {}, {}, nil
  for line in read(SOURCE .. "/spec/tokio.md"):gmatch "[^\n]+" do
    local tests, here = line:match "^| (.-) | (.*)|$"
    local name, count = line:match "^| %*%*`([%w_.]+)`%*%*: (%d+)"
    if name then
      file = {name = name, count = tonumber(count), tests = {}, here = 0}
      files[#files + 1] = file
    elseif tests and tests:find "^`" then
      rows[#rows + 1] = {tests, here}
      if file then count_in(file, tests, here) end
    end
  end
  return rows, files
end

local rows, files = read_table()

local function totals(room)
  local count, here = 0, 0
  for _, file in ipairs(files) do
    if file.name:find("^" .. room .. "_") then
      count, here = count + file.count, here + file.here
    end
  end
  return count, here
end

describe("spec/tokio.md", function()
  it("names specs and sentences that exist", function()
    local lacking = {}
    for _, row in ipairs(rows) do
      each_reference(row[2], function(spec, sentence)
        if not path_of(spec) or not has_sentence(spec, sentence or "") then
          lacking[#lacking + 1] = spec .. ": " .. tostring(sentence)
        end
      end)
    end
    assert.is_true(#rows > 200)
    assert.same({}, lacking)
  end)

  it("has each test of the files that it counts once", function()
    for _, file in ipairs(files) do
      local seen = {}
      for _, test in ipairs(file.tests) do
        assert.is_nil(seen[test], file.name .. ": " .. test)
        seen[test] = true
      end
      assert.equal(file.count, #file.tests, file.name)
    end
  end)

  it("says of each where it is, or why it is not", function()
    for _, row in ipairs(rows) do
      local here = row[2]
      local says = here:find "^no: %g" or here:find "^the other way round" or
                   here:find "^as `"
      each_reference(here, function() says = true end)
      assert.is_truthy(says, table.concat(row, ": "))
    end
  end)

  for _, room in ipairs {"sync", "time"} do
    it("counts right how many of `" .. room .. "` are here", function()
      local count, here = totals(room)
      local text = read(SOURCE .. "/spec/tokio.md")
      local section = text:match("\n## `" .. room .. "`\n\n(.-)\n|")
      local said, said_here = section:match "(%d+) tests.- (%d+) are here"
      assert.same({count, here}, {tonumber(said), tonumber(said_here)})
    end)
  end
end)
