-- Every example does what its head comment says. What an example prints
-- stands there in lines that begin with "--   ", after a line "-- Prints:".

local lfs = require "lfs" -- which busted needs, too
local run = require "run"

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local function example_paths()
  local paths = {}
  for name in lfs.dir "examples" do
    if name:match "%.lua$" then paths[#paths + 1] = "examples/" .. name end
  end
  table.sort(paths)
  return paths
end

-- The text that a head comment says is printed, or nil.
local function promised_output(source)
  local _, stop = source:find "\n%-%- Prints:\n"
  if not stop then return nil end
  local lines = {}
  for line in source:sub(stop + 1):gmatch "[^\n]*\n" do
    if line:sub(1, 5) ~= "--   " then break end
    lines[#lines + 1] = line:sub(6)
  end
  return table.concat(lines)
end

describe("the example", function()
  for _, path in ipairs(example_paths()) do
    local source = read(path)

    it(path .. " says how to run it", function()
      assert.is_truthy(source:find("-- Run: ./dev run " .. path, 1, true))
    end)

    local promised = promised_output(source)
    if promised then
      it(path .. " prints what it says", function()
        local code, out, err = run.file(path)
        assert.equal("", err)
        assert.equal(promised, out)
        assert.equal(0, code)
      end)
    end
  end
end)

describe("the example wordcount", function()
  local paths

  before_each(function() paths = {} end)

  after_each(function()
    for _, path in ipairs(paths) do os.remove(path) end
  end)

  local function temporary(text)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "wb"))
    file:write(text)
    paths[#paths + 1] = path
    return path
  end

  local function wordcount(...)
    return run.file("examples/wordcount.lua", {...})
  end

  local CHUNK = 64 * 1024

  it("counts the words of each file", function()
    local one, two = temporary "one two three\n", temporary "four\nfive"
    local code, out = wordcount(one, two)
    assert.equal(0, code)
    assert.is_truthy(out:find(one .. ": 3 words\n", 1, true))
    assert.is_truthy(out:find(two .. ": 2 words\n", 1, true))
  end)

  it("adds the counts up", function()
    local _, out = wordcount(temporary "one two three", temporary "four")
    assert.matches("\ntotal: 4 words\n", out)
  end)

  it("finds no words in an empty file", function()
    local path = temporary ""
    local code, out = wordcount(path)
    assert.equal(0, code)
    assert.equal(path .. ": 0 words\ntotal: 0 words\n", out)
  end)

  it("lists the most frequent words, aligned", function()
    local _, out = wordcount(temporary "b a b", temporary "c B a")
    assert.matches("total: 6 words\n" ..
                   "       3  b\n       2  a\n       1  c\n$", out)
  end)

  it("lists ten words at most", function()
    local _, out = wordcount(temporary "a b c d e f g h i j k l m")
    assert.equal(10, select(2, out:gsub("\n +%d+  %a+", "")))
  end)

  it("takes upper and lower case for the same", function()
    local _, out = wordcount(temporary "Word word WORD")
    assert.matches("\n +3  word\n", out)
  end)

  it("counts a word across the end of a chunk once", function()
    local text = (" "):rep(CHUNK - 3) .. "border" .. " end"
    local _, out = wordcount(temporary(text))
    assert.matches("total: 2 words\n", out)
    assert.matches("\n +1  border\n", out)
  end)

  it("counts words on both sides of the end of a chunk as two", function()
    local text = ("x"):rep(CHUNK) .. " end"
    local _, out = wordcount(temporary(text))
    assert.matches("total: 2 words\n", out)
  end)

  it("counts a word that is longer than a chunk once", function()
    local word = ("x"):rep(3 * CHUNK)
    local _, out = wordcount(temporary(word .. " " .. word))
    assert.matches("total: 2 words\n", out)
    assert.is_truthy(out:find("       2  " .. word, 1, true))
  end)

  it("counts right in a file of many chunks", function()
    local _, out = wordcount(temporary(("seven77 "):rep(100000) .. "last"))
    assert.matches("total: 100001 words\n", out)
    assert.matches("\n +100000  seven77\n", out)
  end)

  it("prints a small file before a large one that was given first", function()
    local large = temporary(("word "):rep(100000))
    local small = temporary "word"
    local _, out = wordcount(large, small)
    assert.equal(1, out:find(small .. ": 1 words\n", 1, true))
  end)

  it("reports a file that cannot be read, and counts the others", function()
    local path = temporary "one two"
    local code, out, err = wordcount("no/such/file", path)
    assert.equal(1, code)
    assert.matches("no/such/file", err)
    assert.is_truthy(out:find(path .. ": 2 words\ntotal: 2 words", 1, true))
  end)

  it("reports a directory, and counts the others", function()
    local path = temporary "one two"
    local code, out, err = wordcount("examples", path)
    assert.equal(1, code)
    assert.matches("examples", err)
    assert.is_truthy(out:find(path .. ": 2 words\ntotal: 2 words", 1, true))
  end)

  it("takes a file name with spaces", function()
    local path = temporary "x" .. " with spaces"
    paths[#paths + 1] = path
    assert(io.open(path, "wb")):close()
    local code, out = wordcount(path)
    assert.equal(0, code)
    assert.is_truthy(out:find(path .. ": 0 words\n", 1, true))
  end)

  it("prints its usage when there are no arguments", function()
    local code, out, err = wordcount()
    assert.is_true(code > 0)
    assert.equal("", out)
    assert.matches("usage: ", err)
  end)
end)
