/* The smallest program around a compiled network: no threads, no heap, no library. docs/runtime.md explains it.
 *
 *   nnc examples/walkthrough.nn -weights=random:1 -bind N=1 -prefix=flower -o flower.o
 *   cc -I runtime -I . -o flower examples/walkthrough.c flower.o
 */
#include "flower.h"

#include <stdio.h>

static _Alignas(64) unsigned char memory[FLOWER_CONTEXT_BYTES];

int main(void) {
    const float x[FLOWER_X_ELEMENTS] = {5.1f, 3.5f, 1.4f, 0.2f, 0.9f, 0.4f, 1.2f, 0.7f};
    float scores[FLOWER_SCORES_ELEMENTS];
    nn_options options = {.struct_bytes = sizeof options};
    nn_context *context;
    nn_status status = flower_init(memory, sizeof memory, &options, &context);
    if (status != NN_OK) {
        fprintf(stderr, "no context: status %d\n", status);
        return 1;
    }
    flower_io io = {.x = x, .scores = scores};
    status = flower_run(context, &io);
    if (status != NN_OK) {
        fprintf(stderr, "the run failed: %s\n", flower_message(context));
        return 1;
    }
    for (int i = 0; i < FLOWER_SCORES_ELEMENTS; i++) printf("species %d: %.3f\n", i, scores[i]);
    flower_destroy(context);
    return 0;
}
