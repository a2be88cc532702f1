-- SPDX-License-Identifier: MIT
--
-- Loading a module of somebody else's a second time, with other modules in
-- place of some that it requires. So LuaSocket's own code runs over sockets
-- that wait, and the module that others have loaded stays what it is.

local load = {}

-- The module `name`, or an error that names the Debian package it is in.
function load.require(name, package_name)
  local ok, module = pcall(require, name)
  if ok then return module end
  local advice = "%s\n(on Debian, the package %s has the module %s)"
  error(advice:format(module, package_name, name), 2)
end

-- Opens the C module `name`, also when package.preload has another one.
function load.library(name, package_name)
  local path, tried = package.searchpath(name, package.cpath)
  if not path then
    local advice = "module '%s' not found:%s\n(on Debian: the package %s)"
    error(advice:format(name, tried, package_name), 2)
  end
  local open = "luaopen_" .. name:gsub("%.", "_")
  return assert(package.loadlib(path, open))(name, path)
end

-- Runs the Lua file of the module `name`; to what it requires, `modules` are
-- given first.
function load.with(name, modules, package_name)
  local path, tried = package.searchpath(name, package.path)
  if not path then
    local advice = "module '%s' not found:%s\n(on Debian: the package %s)"
    error(advice:format(name, tried, package_name), 2)
  end
  local function require_here(wanted)
    return modules[wanted] or require(wanted)
  end
  local env = setmetatable({require = require_here}, {__index = _G})
  return assert(loadfile(path, "bt", env))(name, path)
end

return load
