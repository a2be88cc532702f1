/* SPDX-License-Identifier: MIT
   ebb.h as C++ reads it, with every warning that C++ users turn on: each type
   and macro is used once, and the program links. */
#include "ebb.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void check(bool holds, const char *what) {
  if (holds) return;
  std::fprintf(stderr, "header_test.cpp: %s\n", what);
  std::exit(1);
}

#define CHECK(cond) check((cond), #cond)

void *sleep_then_answer(ebb_runtime *rt, void *arg) {
  return ebb_sleep(rt, 1000) == 0 ? arg : nullptr;
}

class Runtime {
 public:
  Runtime() {
    ebb_options options{};
    options.stack_size = 256 * 1024;
    CHECK(ebb_runtime_new(&options, &rt) == 0);
    CHECK(ebb_clock_pause(rt) == 0);
  }
  ~Runtime() { CHECK(ebb_runtime_free(rt) == 0); }
  Runtime(const Runtime &) = delete;
  Runtime &operator=(const Runtime &) = delete;

  ebb_runtime *rt = nullptr;
};

void a_task_is_joined(ebb_runtime *rt) {
  int answer = 42;
  ebb_body body{};
  body.run = sleep_then_answer;
  body.arg = &answer;
  ebb_task *t = nullptr;
  ebb_result result{};
  CHECK(ebb_spawn(rt, body, &t) == 0);
  CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
  CHECK(result.outcome == EBB_COMPLETED && result.value == &answer);
  ebb_task_release(t);
}

void keys_are_integers_and_bytes(ebb_runtime *rt) {
  ebb_join_map *m = nullptr;
  ebb_body body{};
  body.run = sleep_then_answer;
  CHECK(ebb_join_map_new(rt, nullptr, &m) == 0);
  CHECK(ebb_join_map_spawn(m, EBB_KEY_INT(-7), body, nullptr) == 0);
  CHECK(ebb_join_map_spawn(m, EBB_KEY_BYTES("key", 3), body, nullptr) == 0);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(-7)) == 1);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_BYTES("kex", 3)) == 0);
  ebb_key key = EBB_KEY_INT(0);
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, nullptr) == 1);
  CHECK(key.data == nullptr && key.bits == static_cast<uint64_t>(-7));
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, nullptr) == 1);
  CHECK(key.bits == 3 && std::memcmp(key.data, "key", 3) == 0);
  ebb_join_map_key_free(m, key);
  ebb_join_map_free(m);
}

}  // namespace

int main() {
  Runtime runtime;
  a_task_is_joined(runtime.rt);
  keys_are_integers_and_bytes(runtime.rt);
  std::printf("2 passed, 0 failed\n");
}
