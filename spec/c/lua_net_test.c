/* SPDX-License-Identifier: MIT
   ebb.net when memory runs out, at each request in turn: a stream goes on
   where it was, or says for good that it is cut; no fd and no byte of memory
   is left behind. And the buffer of received bytes. */
#include <dirent.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "core/base/buffer.h"
#include "lua/state/compat.h"
#include "test.h"

/* ---- the buffer ---- */

TEST(a_buffer_gives_what_was_put_in) {
  test_memory memory = {0};
  ebb_alloc alloc = {test_alloc, &memory};
  ebb_buffer b = {0};
  uint64_t seed = 3;
  uint32_t put = 0, taken = 0;
  for (int i = 0; i < 20000; i++) {
    char data[64];
    size_t n = chance(&seed, sizeof data + 1);
    if (chance(&seed, 2) == 0) {
      for (size_t k = 0; k < n; k++) data[k] = (char)(put++ % 251);
      CHECK(ebb_buffer_append(&b, data, n, &alloc) == 0);
    } else {
      if (n > ebb_buffer_len(&b)) n = ebb_buffer_len(&b);
      const char *head = ebb_buffer_head(&b);
      for (size_t k = 0; k < n; k++) CHECK(head[k] == (char)(taken++ % 251));
      ebb_buffer_drop(&b, n, &alloc);
    }
    CHECK(ebb_buffer_len(&b) == put - taken);
  }
  ebb_buffer_drop(&b, ebb_buffer_len(&b), &alloc);
  CHECK(memory.bytes == 0);
}

TEST(an_empty_buffer_has_no_memory) {
  test_memory memory = {0};
  ebb_alloc alloc = {test_alloc, &memory};
  ebb_buffer b = {0};
  CHECK(ebb_buffer_len(&b) == 0 && *ebb_buffer_head(&b) == '\0');
  CHECK(ebb_buffer_append(&b, "", 0, &alloc) == 0 && memory.requests == 0);
  CHECK(ebb_buffer_append(&b, "abc", 3, &alloc) == 0 && memory.bytes > 0);
  ebb_buffer_drop(&b, 2, &alloc);
  CHECK(memory.bytes > 0 && *ebb_buffer_head(&b) == 'c');
  ebb_buffer_drop(&b, 1, &alloc);
  CHECK(memory.bytes == 0);
}

TEST(a_buffer_that_cannot_grow_keeps_what_it_has) {
  test_memory memory = {.fail_count = FAIL_FOR_EVER};
  ebb_alloc alloc = {test_alloc, &memory};
  ebb_buffer b = {0};
  static const char block[4096];
  CHECK(ebb_buffer_append(&b, "abc", 3, &alloc) == 0);
  memory.fail_at = memory.requests + 1;
  CHECK(ebb_buffer_append(&b, block, sizeof block, &alloc) == -ENOMEM);
  CHECK(ebb_buffer_reserve(&b, SIZE_MAX, &alloc) == NULL);
  CHECK(ebb_buffer_len(&b) == 3);
  CHECK(memcmp(ebb_buffer_head(&b), "abc", 3) == 0);
  ebb_buffer_drop(&b, 3, &alloc);
  CHECK(memory.bytes == 0);
}

/* ---- Lua ---- */

static lua_State *new_state(test_memory *m) {
  lua_State *L = ebb_lua_newstate(test_alloc, m);
  CHECK(L != NULL);
  luaL_openlibs(L);
  luaL_requiref(L, "ebb", luaopen_ebb, 0);
  lua_pop(L, 1);
  return L;
}

static void compile(lua_State *L, const char *code) {
  if (luaL_loadstring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

/* Calls what is on the stack. */
static void call(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

static bool call_hungry(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) == LUA_OK) return true;
  const char *text = lua_tostring(L, -1);
  if (text == NULL || (strstr(text, "memory") == NULL &&
                       strstr(text, "stack overflow") == NULL &&
                       strstr(text, "deadlock") == NULL))
    test_fail(__FILE__, __LINE__, text != NULL ? text : "an error");
  lua_pop(L, 1);
  return false;
}

static int count_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  CHECK(dir != NULL);
  while (readdir(dir) != NULL) n++;
  closedir(dir);
  return n;
}

/* ENOMEM as an outcome is an error here, like any other want of memory. */
static const char before[] =
    "local ebb = require 'ebb'\n"
    "ebb.set_unhandled(function() end)\n"
    "for _ = 1, 20 do ebb.yield_now() end\n"
    "seen, lines = 0, {}\n"
    "for i = 1, 12 do lines[i] = ('line ' .. i .. ';'):rep(i) end\n";

static const char stream[] =
    "local net = require 'ebb'.net\n"
    "local a, b = assert(net.pair())\n"
    "one, other = a, b\n"
    "for i = 1, 6 do\n"
    "  assert(a:write(lines[i], '\\n', lines[i + 6], '\\n'))\n"
    "end\n"
    "a:shutdown()\n"
    "for i = 1, 6 do\n"
    "  assert(assert(b:read '*l') == lines[i])\n"
    "  seen = i\n"
    "  assert(assert(b:read(#lines[i + 6])) == lines[i + 6])\n"
    "  assert(assert(b:read(1)) == '\\n')\n"
    "end\n";

/* Whatever is read now is what comes next, or nothing. */
static const char stream_after[] =
    "if other then\n"
    "  local rest, _, code = other:read '*a'\n"
    "  local all = ''\n"
    "  for i = 1, 6 do\n"
    "    all = all .. lines[i] .. '\\n' .. lines[i + 6] .. '\\n'\n"
    "  end\n"
    "  if rest and #rest > 0 and seen > 0 then\n"
    "    one:shutdown()\n"
    "    assert(all:find(rest, 1, true), rest)\n"
    "  elseif not rest then assert(code == 'ENOMEM', code) end\n"
    "  one:close() other:close()\n"
    "end\n";

static const char serve[] =
    "local ebb = require 'ebb'\n"
    "local net = ebb.net\n"
    "local listener <close> = assert(net.listen('127.0.0.1', 0))\n"
    "local _, port = listener:local_name()\n"
    "local server <close> = ebb.spawn(function()\n"
    "  for conn in listener.accept, listener do\n"
    "    local conn <close> = conn\n"
    "    for line in conn:lines() do assert(conn:write(line, '\\n')) end\n"
    "  end\n"
    "end)\n"
    "ebb.time.pause()\n"
    "local conn <close> = assert(net.connect('127.0.0.1', port, 1))\n"
    "conn:set_timeout(1)\n"
    "assert(conn:write('hello\\n'))\n"
    "local line, message = conn:read '*l'\n"
    "assert(line == 'hello', 'memory: ' .. tostring(message))\n"
    "local udp <close> = assert(net.udp('127.0.0.1'))\n"
    "assert(udp:send_to('x', udp:local_name()))\n"
    "assert(assert(udp:receive()) == 'x')\n";

static const char nothing[] = "";

/* Was there an n-th request for memory? */
static bool starve(const char *code, const char *after, size_t n,
                   size_t count) {
  test_memory m = {0};
  int fds = count_fds();
  lua_State *L = new_state(&m);
  compile(L, before);
  call(L);
  compile(L, after);
  compile(L, code);
  m.fail_at = m.requests + n;
  m.fail_count = count;
  bool ok = call_hungry(L);
  bool hit = test_memory_failed(&m);
  CHECK(ok || hit);
  m.fail_at = 0;
  call(L);
  lua_close(L);
  CHECK(m.bytes == 0 && count_fds() == fds);
  return hit;
}

TEST(a_stream_bears_that_memory_fails_once) {
  for (size_t n = 1; starve(stream, stream_after, n, 1); n++) continue;
}

TEST(a_stream_bears_that_memory_stays_away) {
  for (size_t n = 1; starve(stream, stream_after, n, 9); n++) continue;
}

TEST(a_server_bears_that_memory_fails_once) {
  for (size_t n = 1; starve(serve, nothing, n, 1); n++) continue;
}

TEST(a_server_bears_that_memory_stays_away) {
  for (size_t n = 1; starve(serve, nothing, n, 9); n++) continue;
}

/* The clean-up of the task still reads; then the finalizers close all. */
TEST(a_state_can_be_closed_while_tasks_wait) {
  test_memory m = {0};
  int fds = count_fds();
  lua_State *L = new_state(&m);
  compile(L,
          "local ebb = require 'ebb'\n"
          "local a, b = ebb.net.pair()\n"
          "local l = assert(ebb.net.listen('127.0.0.1', 0))\n"
          "ebb.spawn(l.accept, l)\n"
          "ebb.spawn(b.write, b, ('x'):rep(1e7))\n"
          "ebb.spawn(b.write, b, 'y')\n"
          "ebb.spawn(function()\n"
          "  local c <close> = setmetatable({}, {__close = function()\n"
          "    a:write 'z'\n"
          "    assert(b:read(1) == 'z')\n"
          "  end})\n"
          "  b:read(1)\n"
          "end)\n"
          "for _ = 1, 100 do ebb.yield_now() end\n");
  call(L);
  lua_close(L);
  CHECK(m.bytes == 0 && count_fds() == fds);
}
