/* The same without an operating system's help: no C library, no heap, no threads. All memory is static, its size known when
 * compiling (the network was compiled with -bind N=1), and board.c stands for the board. */
#include "board.h"
#include "mlp.h"
#include "picture.h"

static _Alignas(64) unsigned char memory[MLP_CONTEXT_BYTES];
static float probs[MLP_PROBS_ELEMENTS];

void firmware_main(void) {
    const nn_options options = {.struct_bytes = sizeof options};
    const mlp_io io = {.image = picture, .probs = probs};
    nn_context *context;
    if (mlp_init(memory, sizeof memory, &options, &context) != NN_OK ||
        mlp_run(context, &io) != NN_OK) {
        board_halt(1);
    }
    int best = 0;
    for (int i = 1; i < MLP_PROBS_ELEMENTS; i++) {
        if (probs[i] > probs[best]) best = i;
    }
    board_put('0' + best);
    board_put('\n');
    board_halt(0);
}
