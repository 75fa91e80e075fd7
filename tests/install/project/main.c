/* Calls every network of the program: "DIGIT SUM NAME NUMBER", with the sum of small's probabilities. */
#include "digits.h"
#include "large.h"
#include "small.h"

#include <stdio.h>
#include <stdlib.h>

int other_classes(void);

#include "picture.h"

static int read_digit(const nn_options *options) {
    static _Alignas(64) unsigned char memory[DIGITS_CONTEXT_BYTES];
    float probs[DIGITS_PROBS_ELEMENTS];
    digits_io io = {.image = picture, .probs = probs};
    nn_context *context;
    if (digits_init(memory, sizeof memory, options, &context) != NN_OK) exit(1);
    if (digits_run(context, &io) != NN_OK) exit(1);
    digits_destroy(context);
    int best = 0;
    for (int i = 1; i < DIGITS_PROBS_ELEMENTS; i++) {
        if (probs[i] > probs[best]) best = i;
    }
    return best;
}

static double sum_of_small(nn_options options) {
    small_limits limits = {.N = 2};
    options.limits = &limits;
    size_t bytes = (small_context_bytes(&limits) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    const float x[2 * 4] = {1, 2, 3, 4, -1, -2, -3, -4};
    float y[2 * 3];
    small_io io = {.N = 2, .x = x, .y = y};
    nn_context *context;
    if (small_init(memory, bytes, &options, &context) != NN_OK) exit(1);
    if (small_run(context, &io) != NN_OK) exit(1);
    small_destroy(context);
    free(memory);
    double sum = 0;
    for (int i = 0; i < 6; i++) sum += (double)y[i];
    return sum;
}

int main(void) {
    nn_options options = {.struct_bytes = sizeof options};
#ifdef WITH_RUNTIME
    if (nn_default_options(2, &options) != NN_OK) return 1;
#endif
    printf("%d %.4f %s %d\n", read_digit(&options), sum_of_small(options), large_info()->name,
           other_classes());
#ifdef WITH_RUNTIME
    nn_release_options(&options);
#endif
    return 0;
}
