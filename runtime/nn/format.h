/* Layout of the files that generated code and libnnrt exchange. All numbers are little endian. */
#ifndef NN_FORMAT_H
#define NN_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NN_WEIGHT_FILE_MAGIC "nn-wts\0\1" /* 8 bytes, the terminating zero not counted */

/* Head of a weight file (-weights-out=external). The weight section follows at once and fills the
 * rest of the file, so that a mapped file has it at a 64-byte boundary. */
typedef struct nn_weight_file {
    char magic[8];
    uint32_t abi_version;
    uint32_t header_bytes; /* 64 */
    uint64_t source_hash;  /* equals that of the network the weights belong to */
    uint64_t weights_bytes;
    uint8_t reserved[32]; /* zero */
} nn_weight_file;

#define NN_SEAL_MARK "nn-seal\2" /* 8 bytes, the terminating zero not counted */
/* Build id of shared objects that end with a seal: without one they were cut. */
#define NN_SEALED_BUILD_ID "sealed by nnc 01" /* 16 bytes, the terminating zero not counted */
#define NN_SEALED_BUILD_ID_HEX                                                                     \
    "7365616c6564206279206e6e63203031" /* the same, for a linker's --build-id */

/* The end of a shared object that nnc linked, after all that the dynamic loader looks at. */
typedef struct nn_seal {
    char mark[8];
    uint64_t bytes; /* of the file before the seal */
    uint64_t hash;  /* of these, by nn_seal_hash */
} nn_seal;

static inline uint64_t nn_seal_step(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static inline uint64_t nn_seal_word(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Sums up bytes so that no single changed word goes unnoticed: against accidents, not against
 * attackers. Four sums take turns, so that none waits for itself: a network is checked at about the
 * speed of memory. A last incomplete word is filled up with zeros. */
static inline uint64_t nn_seal_hash(const void *data, size_t bytes) {
    const unsigned char *at = (const unsigned char *)data, *end = at + bytes;
    uint64_t hash = 0xcbf29ce484222325u ^ bytes, a = hash, b = ~hash, c = hash + 1, d = ~hash - 1;
    for (; end - at >= 32; at += 32) {
        a = nn_seal_step(a, nn_seal_word(at));
        b = nn_seal_step(b, nn_seal_word(at + 8));
        c = nn_seal_step(c, nn_seal_word(at + 16));
        d = nn_seal_step(d, nn_seal_word(at + 24));
    }
    for (; at < end; at += end - at < 8 ? end - at : 8) {
        uint64_t word = 0;
        memcpy(&word, at, end - at < 8 ? (size_t)(end - at) : 8);
        hash = nn_seal_step(hash, word);
    }
    hash = nn_seal_step(hash, a);
    hash = nn_seal_step(hash, b);
    hash = nn_seal_step(hash, c);
    return nn_seal_step(hash, d);
}

#endif
