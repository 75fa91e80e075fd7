#include "nn/nn.h"

const char *nn_status_text(nn_status status) {
    static const char *const texts[] = {
        [NN_OK] = "success",
        [NN_INVALID] = "an argument is invalid",
        [NN_TOO_LARGE] = "a size exceeds the limits of the context",
        [NN_NO_MEMORY] = "out of memory",
        [NN_MISMATCH] = "the artifact does not match this program",
        [NN_UNSUPPORTED] = "this machine lacks what the code needs",
        [NN_IO] = "a file could not be read",
        [NN_DEVICE] = "the device failed",
    };
    size_t code = (size_t)status;
    return code < sizeof texts / sizeof texts[0] ? texts[code] : "unknown status";
}
