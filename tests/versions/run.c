/* Runs a network on fixed inputs, for a processor that is said to have certain features; the outputs' bits go to standard
 * output.
 *
 *   run here|FEATURES       FEATURES: NN_CPU_* bits, as for strtoull; here: what this processor has */
#include HEADER
#include <nn/nn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 3, PIXELS = 64, CLASSES = 10 };

int main(int argc, char **argv) {
    static uint8_t image[IMAGES * PIXELS];
    static float probs[IMAGES * CLASSES];
    nn_options options;
    nn_context *context;
    cnn_limits limits = {IMAGES};
    if (argc != 2 || nn_default_options(1, &options) != NN_OK) return 2;
    if (strcmp(argv[1], "here") != 0) options.cpu_features = strtoull(argv[1], NULL, 0);
    options.limits = &limits;
    for (int i = 0; i < IMAGES * PIXELS; i++) image[i] = (uint8_t)(i * 37 % 17);
    cnn_io io = {.N = IMAGES, .image = image, .probs = probs};
    nn_status status = cnn_create(&options, &context);
    if (status == NN_OK) status = cnn_run(context, &io);
    if (status != NN_OK) {
        fprintf(stderr, "%s\n", nn_status_text(status));
        return 1;
    }
    fwrite(probs, sizeof probs, 1, stdout);
    cnn_destroy(context);
    nn_release_options(&options);
    return 0;
}
