/* SPDX-License-Identifier: MIT
   Wakers: unparking a task from another thread. */
#ifndef EBB_CORE_WAKER_H
#define EBB_CORE_WAKER_H

#include "task.h"

/* Unparks the tasks whose wakers have been called since the last time. */
void ebb_waker_drain(ebb_runtime *rt);

#endif
