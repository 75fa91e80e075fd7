/* FNV-1a: against accidents, not against attackers. */
#ifndef NN_HASH_H
#define NN_HASH_H

#include <stddef.h>
#include <stdint.h>

#define NN_HASH_START 0xcbf29ce484222325u

static inline uint64_t nn_hash_bytes(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

/* The same on hosts of any byte order. */
static inline uint64_t nn_hash_integer(uint64_t hash, uint64_t value) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> (8 * i));
    return nn_hash_bytes(hash, bytes, sizeof bytes);
}

#endif
