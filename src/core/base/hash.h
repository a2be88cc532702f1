/* SPDX-License-Identifier: MIT
   Keyed hashing, with the process's random seed. */
#ifndef EBB_CORE_BASE_HASH_H
#define EBB_CORE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Hashes: of bytes, of any 64 bits, and of integers, which may well come in
   sequence. */
uint64_t ebb_hash_bytes(const void *data, size_t size);
uint64_t ebb_hash_bits(uint64_t bits);
uint64_t ebb_hash_int(uint64_t value);

/* Folds a 64-bit hash, best bits above, to what the tables take. */
static inline uint32_t ebb_hash_fold(uint64_t hash) {
  return (uint32_t)(hash >> 32 ^ hash);
}

#endif
