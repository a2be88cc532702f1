-- SPDX-License-Identifier: MIT
--
-- lua-http's specs and its sources, with ebb.cqueues loaded first.

local readers = require "suites.readers"
local shell = require "suites.shell"

-- The keys in its specs are too short for today's defaults of OpenSSL.
local OPENSSL_CONF <const> = [[
openssl_conf = configuration
[configuration]
ssl_conf = modules
[modules]
system_default = defaults
[defaults]
CipherString = DEFAULT@SECLEVEL=0
]]

local function tests_in(directory)
  return shell.tests(directory, "spec/*_spec.lua", "spec/(.*)_spec%.lua",
                     {shell.program "busted", "-o", "TAP"})
end

return {
  name = "lua-http",
  sources = {
    {folder = "lua-http", file = "spec/helper.lua",
     from = "github.com/daurnimator/lua-http at ee3cf4b"},
    {folder = "lpeg_patterns", file = "lpeg_patterns/http.lua",
     from = "github.com/daurnimator/lpeg_patterns at v0.5"}
  },
  needs = {
    ["!busted"] = "lua-busted", cqueues = "lua-cqueues",
    openssl = "lua-luaossl", basexx = "lua-basexx", fifo = "lua-fifo",
    binaryheap = "lua-binaryheap", zlib = "lua-zlib", lpeg = "lua-lpeg"
  },
  setup = [[package.path = os.getenv "EBB_SUITES" ..
    "/lpeg_patterns/?.lua;" .. package.path]],
  with_ebb = 'require "ebb.cqueues"',
  run_by = {"env", "OPENSSL_CONF=openssl.cnf"},
  read = readers.tap,
  prepare = function(directory)
    shell.write(directory .. "/openssl.cnf", OPENSSL_CONF)
  end,
  tests = tests_in
}
