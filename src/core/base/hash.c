/* SPDX-License-Identifier: MIT

   Keyed hashing: 64-bit words are mixed in by a 64x64 -> 128 bit multiply
   whose halves are folded. The seed is the process's, drawn once from the
   system, so that keys from outside cannot be chosen to collide. */
#define _GNU_SOURCE
#include "core/base/hash.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Any odd constants with about as many bits set as not would do; the first
   is the fraction of the golden ratio. */
static const uint64_t odd1 = UINT64_C(0x9e3779b97f4a7c15);
static const uint64_t odd2 = UINT64_C(0xd6e8feb86659fd93);

static uint64_t draw_seed(void) {
  uint64_t s;
  if (getrandom(&s, sizeof s, GRND_NONBLOCK) != (ssize_t)sizeof s) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    s = (uint64_t)ts.tv_nsec * odd1 ^ (uint64_t)(uintptr_t)&ts;
  }
  return s | 1;
}

/* The one thing that is shared by all runtimes; threads that race for it
   agree on whose draw counts. */
static uint64_t seed(void) {
  static _Atomic uint64_t drawn;
  uint64_t s = atomic_load_explicit(&drawn, memory_order_relaxed);
  if (s != 0) return s;
  uint64_t fresh = draw_seed();
  if (atomic_compare_exchange_strong(&drawn, &s, fresh)) return fresh;
  return s;
}

/* A bit of the low half depends on all lower bits of both factors, one of
   the high half on nearly all bits; folding brings the two together. */
static uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 wide;
  wide product = (wide)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t ebb_hash_bits(uint64_t bits) {
  return mix(bits ^ seed(), odd1 ^ bits);
}

/* The high bits are mixed, the low ones kept: so each run of 2^20 integers
   keeps its order up to an exclusive or, and a map with keys from 1 to n is
   as good as an array. Chosen keys can collide by the thousand at most. */
uint64_t ebb_hash_int(uint64_t value) {
  return (uint32_t)(value ^ ebb_hash_bits(value >> 20));
}

uint64_t ebb_hash_bytes(const void *data, size_t size) {
  const unsigned char *p = data;
  uint64_t h = seed() ^ size * odd2, word;
  for (; size >= sizeof word; p += sizeof word, size -= sizeof word) {
    memcpy(&word, p, sizeof word);
    h = mix(h ^ word, odd1);
  }
  /* The last bytes, fewer than a word, filled up with zeros: the length is
     part of the first word, so that "a" and "a\0" differ. */
  word = 0;
  if (size > 0) memcpy(&word, p, size);
  return mix(h ^ word, odd2);
}
