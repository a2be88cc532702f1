/* SPDX-License-Identifier: MIT
   Task-local values. A scope ends when the function that runs in it returns,
   and since an aborted C task returns too, it always does. */
#include <assert.h>
#include <errno.h>

#include "core/loop/runtime.h"

/* In the frame of the call that made it. */
struct ebb_scope {
  struct ebb_scope *outer;
  const void *key;
  void *value;
};

/* A chain of frames, each on the stack of the call that made it: the
   innermost is found first, and nothing is allocated. Lua tasks have
   task-locals of another kind, tied to coroutines, and no chain: for them it
   is -ENOTSUP. */
static struct ebb_scope **scopes_of(ebb_runtime *rt) {
  ebb_task *t = rt->tasks.current;
  return t->ops->scopes != NULL ? t->ops->scopes(t) : NULL;
}

int ebb_task_local_scope(ebb_runtime *rt, const void *key, void *value,
                         void *(*run)(ebb_runtime *rt, void *arg), void *arg,
                         void **result) {
  struct ebb_scope **scopes = scopes_of(rt);
  if (scopes == NULL) return -ENOTSUP;
  struct ebb_scope scope = {*scopes, key, value};
  *scopes = &scope;
  void *returned = run(rt, arg);
  assert(*scopes == &scope); /* inner calls have returned */
  *scopes = scope.outer;
  if (result != NULL) *result = returned;
  return 0;
}

/* The chain is as long as calls are nested, mostly one or two. */
int ebb_task_local_get(ebb_runtime *rt, const void *key, void **value) {
  struct ebb_scope **scopes = scopes_of(rt);
  if (scopes == NULL) return -ENOTSUP;
  const struct ebb_scope *s = *scopes;
  while (s != NULL && s->key != key) s = s->outer;
  if (s == NULL) return -ENOENT;
  *value = s->value;
  return 0;
}
