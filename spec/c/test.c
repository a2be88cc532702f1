/* SPDX-License-Identifier: MIT
   Runs the tests that have registered themselves. Each runs in a process of
   its own: a check that fails, a crash and a leak end one test, and what
   threads, stacks and static variables are left behind by it is no matter. */
#include <sys/wait.h>
#include <unistd.h>

#include "threads.h"

static test_case *first;

/* Compilers are free to emit constructors in any order. */
void test_register(test_case *t) {
  test_case **link = &first;
  while (*link != NULL && (*link)->line < t->line) link = &(*link)->next;
  t->next = *link;
  *link = t;
}

static bool is_chosen(const test_case *t, char **words) {
  if (*words == NULL) return true;
  for (; *words != NULL; words++)
    if (strstr(t->name, *words) != NULL) return true;
  return false;
}

static void *do_nothing(void *arg) { return arg; }

static void run(const test_case *t) {
  /* With the first thread, ThreadSanitizer starts one of its own. */
  join_thread(start_thread(do_nothing, NULL));
  int fds = count_fds();
  t->run();
  CHECK(count_fds() == fds);
}

/* Its checks tell what failed; the rest is in the exit status. */
static bool passes(const test_case *t) {
  int status;
  fflush(NULL);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    run(t);
    exit(0);
  }
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR);
  if (status == 0) return true;
  if (WIFSIGNALED(status))
    fprintf(stderr, "FAILED: %s, by signal %d\n", t->name, WTERMSIG(status));
  else
    fprintf(stderr, "FAILED: %s\n", t->name);
  return false;
}

static int list_tests(void) {
  for (test_case *t = first; t != NULL; t = t->next) puts(t->name);
  return 0;
}

static int run_tests(char **words) {
  int passed = 0, failed = 0;
  for (test_case *t = first; t != NULL; t = t->next) {
    if (!is_chosen(t, words)) continue;
    if (passes(t))
      passed++;
    else
      failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0;
}

/* For debuggers. */
static int run_here(const char *name) {
  for (test_case *t = first; t != NULL; t = t->next) {
    if (strcmp(t->name, name) != 0) continue;
    run(t);
    return 0;
  }
  fprintf(stderr, "there is no test %s\n", name);
  return 1;
}

int main(int argc, char **argv) {
  const char *option = argc > 1 && argv[1][0] == '-' ? argv[1] : NULL;
  if (option == NULL) return run_tests(argv + 1);
  if (strcmp(option, "--list") == 0) return list_tests();
  if (strcmp(option, "--here") == 0 && argc == 3) return run_here(argv[2]);
  printf(
      "usage: %s [PART...]     run all tests, or those with a PART in the "
      "name\n"
      "       %s --list        print their names\n"
      "       %s --here NAME   run one in this process, for a debugger\n",
      argv[0], argv[0], argv[0]);
  return strcmp(option, "--help") != 0;
}
