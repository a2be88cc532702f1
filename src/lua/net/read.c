/* SPDX-License-Identifier: MIT
   Reading from connections: read, read_some and lines. The system call comes
   first, into memory of the C stack, from where the bytes of the answer are
   copied once, into the Lua string; only bytes that are left over, or not
   complete yet, go to the connection's buffer. So a connection that waits has
   no buffer, and all that has been received when a task is aborted is in the
   connection, where the next read finds it. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

enum {
  CHUNK = 4096,     /* on the stack */
  ROOM = 16 * 1024, /* at least, where the buffer is read into */
  SOME = 8192       /* at most, by default */
};

/* The call's places on the Lua stack. AT_WHAT is a count, which is the limit
   too; or the text that ends the answer, which must not be longer than the
   limit; or nil, for the first bytes that come, up to the limit. The last two
   places are there for a text, and nil until it has been looked for. */
enum { AT_CONN = 1, AT_WHAT, AT_LIMIT, AT_DEADLINE, AT_SCANNED, AT_TAKEN };

typedef struct request {
  enum { READ_SOME, READ_COUNT, READ_LINE, READ_ALL, READ_UNTIL } kind;
  const char *mark; /* the text that ends the answer; of a line, "\n" */
  size_t mark_len;
  size_t limit;   /* or the count */
  size_t scanned; /* so much of the buffer has no mark */
} request;

/* The answer to a request: `len` bytes; `drop` are used up, with the mark. */
typedef struct answer {
  size_t len, drop;
} answer;

static bool has_mark(lua_State *L) {
  return lua_type(L, AT_WHAT) == LUA_TSTRING;
}

/* The request is on the Lua stack while its task waits, as a C frame does not
   outlive a yield; each poll makes a struct of it. The place from which on the
   buffer has to be searched still holds if no read has taken bytes since. */
static request get_request(lua_State *L, const ebb_lua_net_conn *c) {
  request r = {.limit = (size_t)lua_tointeger(L, AT_LIMIT)};
  r.kind = lua_isnil(L, AT_WHAT) ? READ_SOME : READ_COUNT;
  assert(lua_gettop(L) >= (has_mark(L) ? AT_TAKEN : AT_DEADLINE));
  if (!has_mark(L)) return r;
  r.mark = lua_tolstring(L, AT_WHAT, &r.mark_len);
  r.kind = READ_UNTIL;
  if (r.mark_len == 2 && strcmp(r.mark, "*a") == 0) r.kind = READ_ALL;
  if (r.mark_len == 2 && strcmp(r.mark, "*l") == 0)
    r = (request){READ_LINE, "\n", 1, r.limit, 0};
  if ((uint32_t)lua_tointeger(L, AT_TAKEN) == c->taken)
    r.scanned = (size_t)lua_tointeger(L, AT_SCANNED);
  return r;
}

/* ---- looking at the bytes received ---- */

/* By its first byte, as memchr is as fast as the machine allows. (memmem is not
   in all C libraries.) */
static const char *find(const char *data, size_t len, const request *r) {
  const char *end = data + len;
  assert(r->mark_len > 0);
  while (len >= r->mark_len) {
    const char *p = memchr(data, r->mark[0], len - r->mark_len + 1);
    if (p == NULL || memcmp(p, r->mark, r->mark_len) == 0) return p;
    data = p + 1;
    len = (size_t)(end - data);
  }
  return NULL;
}

/* A "\r" before the "\n" belongs to the end of a line, not to the line, and
   does not count for the limit. An answer beyond the limit is none: the caller
   then finds that it is too long. */
static bool look_for_mark(const request *r, const char *data, size_t len,
                          answer *a) {
  size_t done = r->scanned < len ? r->scanned : 0;
  const char *p = find(data + done, len - done, r);
  if (p == NULL) return false;
  a->len = (size_t)(p - data);
  a->drop = a->len + r->mark_len;
  if (r->kind == READ_LINE && a->len > 0 && p[-1] == '\r') a->len--;
  return a->len <= r->limit;
}

/* Do these bytes answer the request? */
static bool look(const request *r, const char *data, size_t len, answer *a) {
  switch (r->kind) {
    case READ_SOME:
      a->len = a->drop = len < r->limit ? len : r->limit;
      return len > 0;
    case READ_COUNT:
      a->len = a->drop = r->limit;
      return len >= r->limit;
    case READ_ALL:
      return false;
    default:
      return look_for_mark(r, data, len, a);
  }
}

/* And at the end of the stream, when no more will come? A last line needs no
   "\n"; but fewer bytes than a count, or a record without its mark, are no
   answer. They stay in the buffer, for read_some. */
static bool look_at_end(const request *r, size_t len, answer *a) {
  a->len = a->drop = len;
  return r->kind == READ_ALL || (r->kind == READ_LINE && len > 0);
}

/* Can a mark that begins within the limit still become complete? The buffer is
   longer than the limit, but no mark has been found in it, and its last bytes
   may be the first of one. */
static bool may_end(const request *r, const char *data, size_t len) {
  if (r->kind == READ_LINE)
    return len - 1 == r->limit && data[r->limit] == '\r';
  if (r->kind != READ_UNTIL || len - r->limit >= r->mark_len) return false;
  size_t from = len < r->mark_len ? 0 : len - r->mark_len + 1;
  for (; from <= r->limit; from++)
    if (memcmp(data + from, r->mark, len - from) == 0) return true;
  return false;
}

static bool is_too_long(const request *r, const ebb_lua_net_conn *c) {
  size_t len = ebb_buffer_len(&c->in); /* without an answer in it */
  if (r->kind == READ_SOME || r->kind == READ_COUNT) return false;
  if (len <= r->limit) return false;
  return c->ended || !may_end(r, ebb_buffer_head(&c->in), len);
}

/* ---- answering ---- */

/* Bytes that have left the socket or the buffer are lost where there is no
   memory for the string: then there must be no next read. */
static int push_bytes(lua_State *L, ebb_lua_net_conn *c, const char *data,
                      size_t n) {
  c->taken++;
  c->lost = true;
  lua_pushlstring(L, data, n);
  c->lost = false;
  return 1;
}

/* Finalizers may run once the string has been made, and they may read. So the
   buffer says before that the bytes are gone, and whether it is empty is asked
   after that. */
static int push_from_buffer(lua_State *L, ebb_lua_net_conn *c, answer a) {
  ebb_alloc alloc = ebb_lua_net_alloc(L);
  const char *head = ebb_buffer_head(&c->in);
  assert(a.len <= a.drop);
  ebb_buffer_skip(&c->in, a.drop);
  push_bytes(L, c, head, a.len);
  if (ebb_buffer_len(&c->in) == 0) ebb_buffer_drop(&c->in, 0, &alloc);
  return 1;
}

/* 0 or -ENOMEM. The bytes have left the socket: without memory for them the
   stream has a gap, and no later read may go on behind it. */
static int keep(lua_State *L, ebb_lua_net_conn *c, const char *data, size_t n) {
  ebb_alloc alloc = ebb_lua_net_alloc(L);
  int err = ebb_buffer_append(&c->in, data, n, &alloc);
  c->lost = err < 0;
  return err;
}

/* The rest is kept before the string is made, which may raise an error. */
static int push_from_chunk(lua_State *L, ebb_lua_net_conn *c, const char *chunk,
                           size_t len, answer a) {
  assert(a.len <= a.drop && a.drop <= len);
  int err = 0;
  if (len > a.drop) err = keep(L, c, chunk + a.drop, len - a.drop);
  return err < 0 ? err : push_bytes(L, c, chunk, a.len);
}

/* ---- receiving ---- */

/* Having got less than there was room for, TCP has no more just now, which
   saves the try that would end with EAGAIN. (A Unix socket also ends a read
   where a descriptor was sent along.) */
static ptrdiff_t receive(ebb_lua_net_conn *c, char *room, size_t size) {
  assert(size > 0); /* 0 bytes are the end */
  ptrdiff_t n = ebb_socket_read(c->s.fd, room, size);
  if (n == 0) c->ended = true;
  if (n == -EAGAIN || (c->tcp && n > 0 && (size_t)n < size))
    ebb_lua_net_clear(&c->s, EBB_READ);
  return n;
}

/* 1: pushed an answer; 0: the buffer has more, or the stream has ended; or a
   negative errno. */
static int try_chunk(lua_State *L, ebb_lua_net_conn *c, const request *r) {
  char chunk[CHUNK];
  answer a;
  assert(ebb_buffer_len(&c->in) == 0); /* else these bytes are not next */
  ptrdiff_t n = receive(c, chunk, sizeof chunk);
  if (n <= 0) return (int)n;
  if (look(r, chunk, (size_t)n, &a))
    return push_from_chunk(L, c, chunk, (size_t)n, a);
  return keep(L, c, chunk, (size_t)n);
}

/* Straight into the buffer, where the bytes would have to go in any case. It
   gives its memory back when nothing has come, since the call may wait now. */
static int try_buffer(lua_State *L, ebb_lua_net_conn *c) {
  ebb_alloc alloc = ebb_lua_net_alloc(L);
  size_t size = ROOM;
  if (ebb_buffer_reserve(&c->in, size, &alloc) == NULL) return -ENOMEM;
  size = c->in.capacity - c->in.end;
  ptrdiff_t n = receive(c, c->in.data + c->in.end, size);
  if (n > 0) ebb_buffer_fill(&c->in, (size_t)n);
  if (ebb_buffer_len(&c->in) == 0) ebb_buffer_drop(&c->in, 0, &alloc);
  return n > 0 ? 0 : (int)n;
}

/* Bytes that are to be kept go through the chunk only while they are few: for
   a large count, or all of the stream, the copy would be one too many. */
static int receive_more(lua_State *L, ebb_lua_net_conn *c, const request *r) {
  bool is_small =
      r->kind != READ_ALL && (r->kind != READ_COUNT || r->limit <= CHUNK);
  if (ebb_buffer_len(&c->in) == 0 && is_small) return try_chunk(L, c, r);
  return try_buffer(L, c);
}

/* ---- the call ---- */

/* A record that comes in many parts is searched once, not once for each part.
   The mark may have begun at the end of the last part. */
static void note_scanned(lua_State *L, const ebb_lua_net_conn *c,
                         const request *r) {
  size_t len = ebb_buffer_len(&c->in);
  if (r->mark_len == 0) return;
  assert(lua_gettop(L) >= AT_TAKEN);
  lua_pushinteger(L,
                  (lua_Integer)(len < r->mark_len ? 0 : len - r->mark_len + 1));
  lua_replace(L, AT_SCANNED);
  lua_pushinteger(L, (lua_Integer)c->taken);
  lua_replace(L, AT_TAKEN);
}

/* Results pushed; 0: none yet. The order is that of the stream: bytes that are
   there answer before its end does. */
static int from_buffer(lua_State *L, ebb_lua_net_conn *c, const request *r) {
  size_t len = ebb_buffer_len(&c->in);
  answer a = {0, 0};
  if (c->lost) return ebb_lua_net_fail(L, -ENOMEM);
  if (len > 0 && look(r, ebb_buffer_head(&c->in), len, &a))
    return push_from_buffer(L, c, a);
  if (is_too_long(r, c)) return ebb_lua_net_fail(L, -EMSGSIZE);
  if (c->ended)
    return look_at_end(r, len, &a) ? push_from_buffer(L, c, a)
                                   : ebb_lua_net_fail_end(L);
  note_scanned(L, c, r);
  return 0;
}

/* The buffer is looked at before the end of the time counts: another task may
   have read the answer into it. Where bytes come faster than they are asked
   for, each system call takes of the budget. */
static int read_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_conn *c = ebb_lua_await_self(L, w);
  (void)el;
  if (!ebb_lua_net_may_begin(w)) return EBB_AWAIT_YIELD;
  for (int status = w->status;;) {
    request r = get_request(L, c);
    if (c->s.fd < 0) return ebb_lua_net_fail(L, -EBADF);
    int count = from_buffer(L, c, &r);
    if (count > 0) return count;
    if (ebb_lua_net_is_over(status)) return ebb_lua_net_fail(L, status);
    status = -EAGAIN;
    if (ebb_lua_net_may_try(&c->s, EBB_READ)) status = receive_more(L, c, &r);
    if (status == 1) return 1;
    if (status == 0 && !ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
    if (status == -EAGAIN) {
      status =
          ebb_lua_net_wait(w, &c->s, EBB_READ, lua_tointeger(L, AT_DEADLINE));
      if (status == EBB_AWAIT_PENDING) return status;
    }
  }
}

/* stack: conn, count, text or nil, limit */
static int read_start(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c) {
  static const ebb_lua_op op = {"read", read_poll, false};
  assert(lua_gettop(L) == AT_LIMIT);
  lua_pushinteger(L, ebb_lua_net_deadline(el, &c->s));
  if (has_mark(L)) lua_settop(L, AT_TAKEN);
  return ebb_lua_await_method(L, el, &op, c);
}

int ebb_lua_net_read_some(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_conn *c = ebb_lua_net_check_conn(L, el, 2);
  lua_Integer limit = luaL_optinteger(L, 2, SOME);
  luaL_argcheck(L, limit > 0, 2, "count is not positive");
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushinteger(L, limit);
  return read_start(L, el, c);
}

/* stack: conn, count or text, limit?, which becomes the stack of read_start. A
   count is a number, not a text that looks like one: that is a delimiter. */
static void check_request(lua_State *L) {
  lua_Integer limit = LUA_MAXINTEGER;
  if (lua_type(L, 2) == LUA_TNUMBER) {
    ebb_lua_args_check_surplus(L, 2);
    limit = ebb_lua_args_count(L, 2);
  } else {
    size_t len;
    (void)luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, len > 0, 2, "the delimiter is empty");
    if (!lua_isnoneornil(L, 3)) limit = ebb_lua_args_count(L, 3);
  }
  lua_settop(L, AT_WHAT);
  lua_pushinteger(L, limit);
}

int ebb_lua_net_read(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_conn *c = ebb_lua_net_check_conn(L, el, 3);
  check_request(L);
  return read_start(L, el, c);
}

/* The iterator has the request among its upvalues, behind the state: nothing of
   it is on the stack of the loop. An error ends the loop with nil, as the end
   of the stream does. */
static int next_line(lua_State *L) {
  lua_settop(L, 0);
  for (int i = AT_CONN; i <= AT_LIMIT; i++)
    lua_pushvalue(L, lua_upvalueindex(1 + i));
  return read_start(L, ebb_lua_state_checked(L), lua_touserdata(L, AT_CONN));
}

/* Arguments are checked here, not by the first call of the iterator: so an
   error names the argument of `lines`. */
int ebb_lua_net_read_lines(lua_State *L) {
  ebb_lua_net_check_conn(L, ebb_lua_state_checked(L), 3);
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 3);
    lua_pushliteral(L, "*l");
    lua_replace(L, 2);
  }
  check_request(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, next_line, 4);
  return 1;
}
