/* SPDX-License-Identifier: MIT
   Commands for the system's shell, as system and popen run them, for threads
   in which signals are blocked. These two give the child what the thread has
   blocked, and have no way to say otherwise; so a child of a thread of ours
   would hear no SIGTERM. Here it has blocked what a child of the thread that
   started ours would have. Nor is any signal ignored meanwhile, as system
   does for the whole process. */
#ifndef EBB_CORE_OS_SHELL_H
#define EBB_CORE_OS_SHELL_H

#include <stdbool.h>
#include <sys/types.h>

/* Is there a shell? */
bool ebb_shell_exists(void);

/* Starts `command`. With `end` 0 or 1, that descriptor of the child is a pipe,
   of which *fd is the other end, ours; -1: there is none. 0 or a negative
   errno. */
int ebb_shell_start(const char *command, int end, int *fd, pid_t *pid);

/* Waits for its end; *status is as of waitpid. 0 or a negative errno. */
int ebb_shell_wait(pid_t pid, int *status);

#endif
