-- `./dev suites`, whose runner compares a suite with and without ebb.

local programs = require "programs"
local run = require "run"

local SPEC <const> = os.getenv "EBB_SOURCE" .. "/spec"
package.path = SPEC .. "/?.lua;" .. package.path
local readers = require "suites.readers"
local runner = require "suites.runner"

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

-- A folder with one suite of these scripts, by name.
local function suites_with(scripts)
  local root = programs.directory()
  assert(os.execute("mkdir " .. root .. "/toy"))
  local names = {}
  for name, text in pairs(scripts) do
    write(root .. "/toy/" .. name, text)
    names[#names + 1] = name
  end
  table.sort(names)
  local tests = {}
  for i, name in ipairs(names) do tests[i] = {name = name, words = {name}} end
  return root, {
    name = "Toy",
    interpreter = run.interpreter(),
    sources = {{folder = "toy", file = names[1], from = "a shop for toys"}},
    with_ebb = "with_ebb = true",
    tests = function() return tests end
  }
end

local function result_of(scripts, changes)
  local root, suite = suites_with(scripts)
  for name, value in pairs(changes or {}) do suite[name] = value end
  local result, why = runner.run(suite, root)
  programs.remove(root)
  return result, why
end

local function counts_of(results)
  return {results:count "passed", results:count "failed"}
end

describe("the runner of suites", function()
  it("counts what passes and fails, and names what fails only with ebb",
     function()
    local result = result_of {
      ["a.lua"] = "", ["b.lua"] = "assert(not with_ebb)",
      ["c.lua"] = "error 'always'", ["d.lua"] = "assert(with_ebb)"
    }
    assert.same({2, 2}, counts_of(result.stock))
    assert.same({2, 2}, counts_of(result.ebb))
    assert.same({"b.lua"}, result.only_with_ebb)
    assert.same({"c.lua"}, result.in_both)
    assert.matches("assertion failed", result.ebb.outputs["b.lua"])
  end)

  it("runs the scripts in tasks where the suite wants it", function()
    local result = result_of({["a.lua"] = [[
      local _, is_main = coroutine.running()
      assert(is_main == not with_ebb)
    ]]}, {in_task = true})
    assert.same({1, 0}, counts_of(result.stock))
    assert.same({1, 0}, counts_of(result.ebb))
  end)

  it("tries again what fails only with ebb", function()
    local result = result_of {["a.lua"] = [[
      if not with_ebb or io.open "tried" then return end
      io.open("tried", "w"):close()
      error "the machine is busy"
    ]]}
    assert.same({1, 0}, counts_of(result.ebb))
    assert.same({{}, {"a.lua"}}, {result.only_with_ebb, result.unsteady})
  end)

  it("gives the turn away in the middle of a script", function()
    local result = result_of({["a.lua"] = [[
      if not with_ebb then return end
      local ebb, ran = require "ebb", false
      ebb.spawn(function() ran = true end)
      table.sort({3, 2, 1}, function(a, b) return a < b end)
      for _ = 1, 100 do end
      assert(ran)
    ]]}, {
      in_task = true, with_ebb = "with_ebb, instructions_per_turn = true, 20"
    })
    assert.same({1, 0}, counts_of(result.ebb))
  end)

  it("runs a server beside a script, and ends it", function()
    local note <const> = os.tmpname()
    local root, suite = suites_with {["client.lua"] = [[
      repeat until os.rename("ready", "seen")
    ]], ["server.lua"] = ([[
      local id = io.open("/proc/self/stat"):read "n"
      io.open(%q, "w"):write(id):close()
      io.open("ready", "w"):close()
      while true do end
    ]]):format(note)}
    suite.tests = function()
      return {{name = "pair", words = {"client.lua"}, server = {"server.lua"}}}
    end
    local result = runner.run(suite, root)
    local server = io.open(note):read "n"
    repeat until not os.execute(("kill -0 %d 2>/dev/null"):format(server))
    programs.remove(root)
    os.remove(note)
    assert.same({1, 0}, counts_of(result.ebb))
  end)

  it("follows a link to the sources", function()
    local root, suite = suites_with {["a.lua"] = ""}
    assert(os.execute(("mv %s/toy %s/shelf && ln -s shelf %s/toy"):format(
      root, root, root)))
    local result = runner.run(suite, root)
    programs.remove(root)
    assert.same({1, 0}, counts_of(result.stock))
  end)

  it("leaves the sources as they are", function()
    local root, suite = suites_with {["a.lua"] = [[
      assert(not io.open "made")
      io.open("made", "w"):close()
    ]]}
    local result = runner.run(suite, root)
    assert.same({1, 0}, counts_of(result.stock))
    assert.same({1, 0}, counts_of(result.ebb))
    assert.is_nil(io.open(root .. "/toy/made"))
    programs.remove(root)
  end)

  it("says which sources are not there, and which package", function()
    local _, why = result_of({["a.lua"] = ""}, {
      sources = {{folder = "none", file = "x", from = "a shop for toys"}}
    })
    assert.matches("a shop for toys is not in .*/none", why)
    _, why = result_of({["a.lua"] = ""}, {needs = {no_such = "lua-toy"}})
    assert.matches("install the Debian package lua%-toy", why)
  end)
end)

describe("the reader of the Test Anything Protocol", function()
  local function read(output, ended_well)
    local list = {}
    readers.tap(output, ended_well, function(name, verdict)
      list[#list + 1] = name .. ": " .. verdict
    end)
    return list
  end

  it("takes each line as a test", function()
    assert.same({"one: passed", "two: failed", "three: skipped"},
                read("1..3\nok 1 one\nnot ok 2 - two\nok 3 three # SKIP",
                     false))
  end)

  it("has a program fail that ends before its plan", function()
    assert.same({"one: passed", "the program's end: failed"},
                read("1..2\nok 1 one\n", true))
  end)

  it("has a program fail that fails though its tests did not", function()
    assert.same({"one: passed", "the program's end: failed"},
                read("1..1\nok 1 one\n", false))
  end)
end)

describe("./dev suites", function()
  local script <const> = SPEC .. "/suites/run.lua"
  local NO_FOLDER <const> = "env -u EBB_SUITES "

  it("says what to do without a folder", function()
    local code, _, err = run.file(script, nil, "lua5.4", NO_FOLDER)
    assert.equal(2, code)
    assert.matches("^suites: EBB_SUITES is not set", err)
  end)

  it("refuses a folder that is not there", function()
    local code, _, err = run.file(script, nil, "lua5.4",
                                  "env EBB_SUITES=/no/such ")
    assert.same({2, "suites: there is no folder /no/such\n"}, {code, err})
  end)

  it("refuses a suite that it does not know", function()
    local code, _, err = run.file(script, {"toys"}, "lua5.4", NO_FOLDER)
    assert.same({2, "suites: there is no suite 'toys'; try --help\n"},
                {code, err})
  end)

  it("lists the folders and the packages that it wants", function()
    local code, out = run.file(script, {"--help"}, "lua5.4", NO_FOLDER)
    assert.equal(0, code)
    assert.matches("usage: EBB_SUITES=FOLDER", out)
    assert.matches("\n  luv +github%.com/luvit/luv at ", out)
    assert.matches("\nDebian packages: .*lua%-luv", out)
  end)

  it("skips all suites of an empty folder", function()
    local root = programs.directory()
    local code, out = run.file(script, nil, "lua5.4",
                               "env EBB_SUITES=" .. root .. " ")
    assert.equal(0, code)
    assert.equal(9, select(2, out:gsub("is skipped", "")))
    programs.remove(root)
  end)
end)
