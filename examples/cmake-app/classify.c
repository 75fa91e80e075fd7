/* classify [-white-ink] PICTURE.png...: which digit each picture shows, and how probable each of the ten is. */
#include "digits.h"
#include "picture.h"

#include <stdio.h>
#include <string.h>

static int best(const float *probs) {
    int digit = 0;
    for (int i = 1; i < DIGITS_PROBS_ELEMENTS; i++) {
        if (probs[i] > probs[digit]) digit = i;
    }
    return digit;
}

/* Prints the answer for one file; what went wrong, if anything. */
static const char *classify(nn_context *context, const char *path, Paper paper) {
    uint8_t image[DIGITS_IMAGE_ELEMENTS];
    float probs[DIGITS_PROBS_ELEMENTS];
    const char *fault = picture_read(path, paper, image);
    if (fault) return fault;
    digits_io io = {.image = image, .probs = probs};
    if (digits_run(context, &io) != NN_OK) return digits_message(context);
    printf("%s: %d  (", path, best(probs));
    for (int i = 0; i < DIGITS_PROBS_ELEMENTS; i++) {
        printf("%s%d: %.1f %%", i ? ", " : "", i, 100 * (double)probs[i]);
    }
    printf(")\n");
    return NULL;
}

int main(int argc, char **argv) {
    int first = 1, failures = 0;
    Paper paper = WHITE_PAPER;
    if (argc > 1 && strcmp(argv[1], "-white-ink") == 0) {
        paper = BLACK_PAPER;
        first = 2;
    }
    if (first >= argc) {
        fprintf(stderr, "usage: classify [-white-ink] PICTURE.png...\n");
        return 2;
    }
    nn_options options;
    nn_context *context;
    nn_status status = nn_default_options(1, &options);
    if (status == NN_OK) status = digits_create(&options, &context);
    if (status != NN_OK) {
        fprintf(stderr, "classify: no context: %s\n", nn_status_text(status));
        return 1;
    }
    for (int i = first; i < argc; i++) {
        const char *fault = classify(context, argv[i], paper);
        if (!fault) continue;
        fprintf(stderr, "classify: %s: %s\n", argv[i], fault);
        failures++;
    }
    digits_destroy(context);
    nn_release_options(&options);
    return failures > 0;
}
