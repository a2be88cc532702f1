-- SPDX-License-Identifier: MIT
--
-- LPeg's test, in a task.

return {
  name = "LPeg",
  sources = {
    {folder = "lpeg", file = "test.lua",
     from = "LPeg 1.0.2 of www.inf.puc-rio.br/~roberto/lpeg"}
  },
  needs = {lpeg = "lua-lpeg"},
  in_task = true,
  tests = function() return {{name = "test", words = {"test.lua"}}} end
}
