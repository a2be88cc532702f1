/* SPDX-License-Identifier: MIT
   The pool of threads of a runtime, as a place for requests. It may outlive the
   runtime, with a thread whose work does not end. */
#ifndef EBB_CORE_LOOP_BLOCKING_POOL_H
#define EBB_CORE_LOOP_BLOCKING_POOL_H

#include "core/loop/handle.h"

typedef struct ebb_blocking_pool {
  ebb_handle handle;
  ebb_thread_pool threads; /* each has a reference to the handle */
} ebb_blocking_pool;

/* `limit` of threads; 0: the default. 0 or a negative errno. */
int ebb_blocking_pool_new(unsigned limit, ebb_blocking_pool **out);

#endif
