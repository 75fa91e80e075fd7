/* Layout of the files that generated code and libnnrt exchange. All numbers are little endian. */
#ifndef NN_FORMAT_H
#define NN_FORMAT_H

#include <stdint.h>

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

#endif
