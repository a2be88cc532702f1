-- The binding has verbs for what it changes in the engine: it assigns to no
-- field of a struct that a header of src/core declares.

local fields = require "fields"
local lfs = require "lfs" -- which busted needs, too
local pages = require "pages"

-- The texts of the files below a folder of src/: path -> text.
local function texts(folder, pattern, into)
  into = into or {}
  for name in lfs.dir(pages.source .. "/" .. folder) do
    local path = folder .. "/" .. name
    if name:find(pattern) then
      into[path] = pages.read(pages.source .. "/" .. path)
    elseif not name:find("%.", 1) then
      texts(path, pattern, into)
    end
  end
  return into
end

local engine = {}
for _, text in pairs(texts("src/core", "%.h$")) do
  for name, struct in pairs(fields.structs(text)) do engine[name] = struct end
end

local members = fields.types(engine)

local function writes(text) return fields.writes(text, engine, members) end

describe("the engine's structs", function()
  it("are found, with their fields", function()
    assert.equal("uint32_t", engine.ebb_task.refs)
    assert.equal("bool", engine.ebb_task.uncancellable)
    assert.equal("ebb_tasks", engine.ebb_runtime.tasks)
    assert.equal("bool", engine.remote.deaf)
    assert.is_nil(engine.ebb_lua)
  end)

  it("are written in none of these ways unseen", function()
    for _, line in ipairs {
      "void f(ebb_task *t) { t->refs = 1; }",
      "void f(ebb_runtime *rt) { rt->remote.deaf = true; }",
      "void f(ebb_runtime *rt) { rt->remote.wakers++; }",
      "void f(x *y) { y->rt->tasks.budget -= 1; }"
    } do
      assert.equal(1, #writes(line), line)
    end
  end)

  it("may be read, and structs that have fields of such names written", function()
    for _, line in ipairs {
      "void f(ebb_task *t) { if (t->refs == 1) g(t->id); }",
      "void f(own *t) { t->refs = 1; }",
      "void f(ebb_await *w) { w->what = 0; }"
    } do
      assert.same({}, writes(line), line)
    end
  end)
end)

describe("src/lua", function()
  it("assigns to no field of the engine", function()
    local binding, found = texts("src/lua", "%.[ch]$"), {}
    for _, text in pairs(binding) do
      fields.types(fields.structs(text), members)
    end
    for path, text in pairs(binding) do
      for _, line in ipairs(writes(text)) do
        found[#found + 1] = path .. ":" .. line
      end
    end
    assert.same({}, found)
  end)
end)
