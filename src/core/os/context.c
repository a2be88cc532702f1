/* SPDX-License-Identifier: MIT

   A stack is entered once, by makecontext and setcontext. After that a
   switch is _setjmp and _longjmp, which make no system call, where
   swapcontext makes one per switch (measured: 26 ns against 307). The
   registers are kept in the frame that suspends, so that a context is a few
   pointers. Fortified longjmp refuses to change stacks: this file is built
   without _FORTIFY_SOURCE.

   Two cases take swapcontext all the same: ThreadSanitizer, whose longjmp
   knows the frames of one stack only, and CPUs with an active shadow stack,
   on which longjmp to another stack would fault. */
#define _GNU_SOURCE
#include "core/os/context.h"

#include <assert.h>
#include <setjmp.h>
#include <stdint.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#ifdef ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(TSAN)
static bool slow_switch(void) { return true; }
#elif defined(__x86_64__)
/* rdssp leaves its operand alone where no shadow stack is active. */
static bool slow_switch(void) {
  uint64_t ssp = 0;
  __asm__ volatile("rdsspq %0" : "+r"(ssp));
  return ssp != 0;
}
#else
static bool slow_switch(void) { return false; }
#endif

/* ---- what the sanitizers are told ---- */

/* AddressSanitizer keeps a shadow of each stack, and ThreadSanitizer a
   history of each fiber; both must be told before the stack pointer moves,
   and again after. Without them these functions are empty, and are compiled
   away. */
static void announce_leave(ebb_context *from, ebb_context *to) {
  to->from = from;
#ifdef ASAN
  __sanitizer_start_switch_fiber(&from->fiber, to->low, to->size);
#endif
#ifdef TSAN
  if (from->fiber == NULL) from->fiber = __tsan_get_current_fiber();
  if (to->fiber == NULL) to->fiber = __tsan_create_fiber(0);
  __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

static void announce_arrive(ebb_context *c) {
#ifdef ASAN
  const void *low = NULL;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(c->fiber, &low, &size);
  /* The native stack's bounds are learnt from leaving it. */
  c->from->low = (void *)(uintptr_t)low;
  c->from->size = size;
#else
  (void)c;
#endif
}

void ebb_context_destroy(ebb_context *c) {
#ifdef TSAN
  if (c->fiber != NULL) __tsan_destroy_fiber(c->fiber);
#endif
#ifdef ASAN
  /* Frames that were dropped have left their marks on the stack. */
  __asan_unpoison_memory_region(c->low, c->size);
#endif
  c->resume = c->base = c->fiber = NULL;
}

/* ---- switching ---- */

void ebb_context_init(ebb_context *c, void *low, size_t size,
                      void (*entry)(void *), void *arg) {
  *c = (ebb_context){.entry = entry, .arg = arg, .low = low, .size = size};
}

/* makecontext passes ints only.
   The base is where ebb_context_restart comes back to, to call the entry
   anew: a jmp_buf in the first frame, which lives as long as the stack does. */
static void first_frame(unsigned high, unsigned low) {
  ebb_context *c = (void *)(uintptr_t)((uint64_t)high << 32 | low);
  jmp_buf base;
  announce_arrive(c);
  c->base = &base;
  (void)_setjmp(base);
  c->entry(c->arg);
  assert(!"the entry of a context returned");
}

static void begin(ebb_context *to, ucontext_t *fresh) {
  uint64_t p = (uint64_t)(uintptr_t)to;
  getcontext(fresh);
  fresh->uc_stack.ss_sp = to->low;
  fresh->uc_stack.ss_size = to->size;
  fresh->uc_link = NULL;
  makecontext(fresh, (void (*)(void))first_frame, 2, (unsigned)(p >> 32),
              (unsigned)p);
}

/* Not inlined, so that the frame of the switch does not grow by a
   ucontext_t, a kilobyte that each suspended stack would keep. */
static void __attribute__((noinline)) enter(ebb_context *to) {
  ucontext_t fresh;
  begin(to, &fresh);
#ifdef ASAN
  /* This frame is not returned from: take its marks off the stack. */
  __asan_handle_no_return();
#endif
  setcontext(&fresh);
}

static void __attribute__((noinline))
switch_slowly(ebb_context *from, ebb_context *to) {
  ucontext_t here, fresh;
  from->resume = &here;
  if (to->resume == NULL) begin(to, &fresh);
  announce_leave(from, to);
  swapcontext(&here, to->resume == NULL ? &fresh : to->resume);
  announce_arrive(from);
}

/* The registers lie in this frame, which stays as it is until somebody jumps
   back into it: that is all that a suspended stack is. */
static void switch_fast(ebb_context *from, ebb_context *to) {
  jmp_buf here;
  from->resume = &here;
  announce_leave(from, to);
  if (_setjmp(here) == 0) {
    if (to->resume == NULL) enter(to);
    _longjmp(*(jmp_buf *)to->resume, 1);
  }
  announce_arrive(from);
}

void ebb_context_switch(ebb_context *from, ebb_context *to) {
  if (slow_switch())
    switch_slowly(from, to);
  else
    switch_fast(from, to);
}

/* The frames above the base are dropped as by longjmp: none of them is run
   again. */
void ebb_context_restart(ebb_context *c) { _longjmp(*(jmp_buf *)c->base, 1); }
