-- Libraries of others that ebb.NAME needs: their modules and Debian packages.

return {
  socket = {module = "socket", package = "lua-socket"},
  uv = {module = "luv", package = "lua-luv"},
  cqueues = {module = "cqueues", package = "lua-cqueues"}
}
