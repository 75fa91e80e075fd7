/* Says which digit the picture shows. Linked with the runtime for its threads and its heap. */
#include "mlp.h"
#include "picture.h"

#include <stdio.h>

enum { DIGITS = 10 };

int main(void) {
    float probs[DIGITS];
    mlp_io io = {.N = 1, .image = picture, .probs = probs};
    mlp_limits limits = {.N = 1};
    nn_options options;
    nn_context *context;
    nn_status status = nn_default_options(0, &options);
    options.limits = &limits;
    if (status == NN_OK) status = mlp_create(&options, &context);
    if (status == NN_OK) status = mlp_run(context, &io);
    if (status != NN_OK) {
        fprintf(stderr, "digit: %s\n", nn_status_text(status));
        return 1;
    }
    int best = 0;
    for (int i = 1; i < DIGITS; i++) {
        if (probs[i] > probs[best]) best = i;
    }
    printf("%d\n", best);
    mlp_destroy(context);
    nn_release_options(&options);
    return 0;
}
