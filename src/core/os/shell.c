/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "core/os/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/os/thread.h"

bool ebb_shell_exists(void) { return access(_PATH_BSHELL, X_OK) == 0; }

/* posix_spawn, not fork: a fork of a process with many mappings copies its
   page tables, and runs the handlers of every library. The command is behind
   "--", as one that begins with a dash is no option. */
static int spawn_with(const char *command, const posix_spawnattr_t *attr,
                      const posix_spawn_file_actions_t *actions, pid_t *pid) {
  char sh[] = "sh", option[] = "-c", end_of_options[] = "--";
  char *argv[] = {sh, option, end_of_options, (char *)(uintptr_t)command, NULL};
  return -posix_spawn(pid, _PATH_BSHELL, actions, attr, argv, environ);
}

/* Only the mask differs from what the child would have by itself. */
static int spawn(const char *command, const posix_spawn_file_actions_t *actions,
                 pid_t *pid) {
  posix_spawnattr_t attr;
  sigset_t mask;
  int err = -posix_spawnattr_init(&attr);
  if (err < 0) return err;
  ebb_thread_child_mask(&mask);
  err = -posix_spawnattr_setsigmask(&attr, &mask);
  if (err == 0) err = -posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
  if (err == 0) err = spawn_with(command, &attr, actions, pid);
  posix_spawnattr_destroy(&attr);
  return err;
}

/* dup2 in the child clears the flag that would close the pipe's end. */
static int spawn_on(const char *command, int end, int theirs, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  int err = -posix_spawn_file_actions_init(&actions);
  if (err < 0) return err;
  err = -posix_spawn_file_actions_adddup2(&actions, theirs, end);
  if (err == 0) err = spawn(command, &actions, pid);
  posix_spawn_file_actions_destroy(&actions);
  return err;
}

/* Both ends are closed on exec: a child that is started at the same time by
   another thread must not keep the pipe open. */
int ebb_shell_start(const char *command, int end, int *fd, pid_t *pid) {
  int pair[2]; /* to read from, to write to */
  if (end < 0) return spawn(command, NULL, pid);
  if (pipe2(pair, O_CLOEXEC) < 0) return -errno;
  int err = spawn_on(command, end, pair[end], pid);
  close(pair[end]);
  if (err == 0)
    *fd = pair[!end];
  else
    close(pair[!end]);
  return err;
}

/* A signal handler that runs meanwhile does not end the wait. */
int ebb_shell_wait(pid_t pid, int *status) {
  while (waitpid(pid, status, 0) < 0)
    if (errno != EINTR) return -errno;
  return 0;
}
