/* SPDX-License-Identifier: MIT
   Switching between C stacks; context.c is the only file that knows
   ucontext, setjmp and the fiber hooks of the sanitizers.

   A context is a suspended place in the code. A stack's context starts at
   the entry function given to ebb_context_init, which must not return; the
   context of the stack one is on is filled in by switching away from it. */
#ifndef EBB_CORE_OS_CONTEXT_H
#define EBB_CORE_OS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ebb_context {
  void *resume; /* the suspended registers, in its frame; NULL: not begun */
  void *base;   /* the registers at the start of entry, in its frame */
  void (*entry)(void *arg);
  void *arg;
  void *low; /* the stack; for the native one known to sanitizers only */
  size_t size;
  void *fiber;              /* the sanitizers' view of the stack */
  struct ebb_context *from; /* who switched here last */
} ebb_context;

/* Prepares a context that begins entry(arg) on the stack [low, low+size). */
void ebb_context_init(ebb_context *c, void *low, size_t size,
                      void (*entry)(void *), void *arg);

/* Gives back what the sanitizers hold; the context must not be running. */
void ebb_context_destroy(ebb_context *c);

/* Suspends the running context in `from` and goes on in `to`. Returns when
   something switches to `from`. */
void ebb_context_switch(ebb_context *from, ebb_context *to);

/* Drops every frame of the running context, which is `c`, and calls
   entry(arg) anew on the same stack. Does not return. */
_Noreturn void ebb_context_restart(ebb_context *c);

#endif
