/* Weight files beside an object (-weights-out=external). */
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "nn/format.h"

struct nn_weights {
    nn_map map;
};

nn_status nn_map_weights(const char *path, nn_weights **weights, nn_options *options) {
    nn_weight_file head;
    if (!path || !weights || !options) return NN_INVALID;
    nn_weights *mapped = calloc(1, sizeof *mapped);
    if (!mapped) return NN_NO_MEMORY;
    nn_status status = nn_map_file(path, &mapped->map);
    if (status == NN_OK) {
        status = NN_MISMATCH;
        if (mapped->map.size >= sizeof head) {
            memcpy(&head, mapped->map.data, sizeof head);
            if (memcmp(head.magic, NN_WEIGHT_FILE_MAGIC, sizeof head.magic) == 0 &&
                head.abi_version == NN_ABI_VERSION && head.header_bytes == sizeof head &&
                head.weights_bytes == mapped->map.size - sizeof head) {
                status = NN_OK;
            }
        }
    }
    if (status != NN_OK) {
        nn_unmap_weights(mapped);
        return status;
    }
    options->weights = mapped->map.data + sizeof head;
    options->weights_bytes = mapped->map.size - sizeof head;
    options->weights_hash = head.source_hash;
    *weights = mapped;
    return NN_OK;
}

void nn_unmap_weights(nn_weights *weights) {
    if (!weights) return;
    nn_unmap_file(&weights->map);
    free(weights);
}
