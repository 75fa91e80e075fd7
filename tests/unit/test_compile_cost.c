/* What a compilation costs: memory in terms of the weights, time in terms of the layers. The bounds
 * are loose; what they hold off is a factor. They are no bounds for nnc with sanitizers. */
#define _GNU_SOURCE
#include "driver/commands.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

typedef struct Cost {
    double mebibytes; /* most that was resident, in nnc or in the linker */
    double seconds;   /* of processors */
} Cost;

/* Compiles a network with random weights in a process of its own. */
static Cost compile(const char *text, const char *kind) {
    char folder[] = "/tmp/nnc-cost-XXXXXX", source[64], output[64], header[64];
    cr_assert(mkdtemp(folder));
    snprintf(source, sizeof source, "%s/net.nn", folder);
    snprintf(output, sizeof output, "%s/net.%s", folder, kind);
    snprintf(header, sizeof header, "%s/net.h", folder);
    FILE *file = fopen(source, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    char emit[16];
    snprintf(emit, sizeof emit, "-emit=%s", kind);
    char *words[] = {"nnc", source, "-weights=random", emit, "-o", output, NULL};
    pid_t child = fork();
    if (child == 0) _exit(nnc_main((int)COUNT_OF(words) - 1, words));
    int status;
    struct rusage usage;
    cr_assert(child > 0 && wait4(child, &status, 0, &usage) == child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_expect(unlink(output) == 0);
    unlink(header);
    unlink(source);
    cr_expect(rmdir(folder) == 0);
    struct timeval user = usage.ru_utime, system = usage.ru_stime;
    return (Cost){(double)usage.ru_maxrss / 1024,
                  (double)(user.tv_sec + system.tv_sec) +
                      1e-6 * (double)(user.tv_usec + system.tv_usec)};
}

static void expect_within(const char *what, Cost cost, Cost most) {
    if (SANITIZED) return;
    cr_expect(cost.mebibytes <= most.mebibytes, "%s: %.0f MiB of memory", what, cost.mebibytes);
    cr_expect(cost.seconds <= most.seconds, "%s: %.1f s", what, cost.seconds);
}

/* 64 MiB of weights, packed: as they were read and as they are written, and what nnc itself takes.
 */
Test(compile_cost, memory_is_twice_the_weights) {
    const char *text = "network net(x: f32[N, 4096]) -> (y: f32[N, 4096]) {\n"
                       "  y = dense(x, 4096, name=\"layer\")\n"
                       "}\n";
    if (SANITIZED) return;
    expect_within("object", compile(text, "obj"), (Cost){2 * 64 + 64, 20});
    expect_within("shared object", compile(text, "so"), (Cost){2 * 64 + 128, 20});
}

/* The batch normalizations give new weights: the old ones must not stay. */
Test(compile_cost, folded_weights_replace_their_parameters) {
    const char *text = "network net(x: f32[N, 512, 4, 4]) -> (y: f32[N, 512, 4, 4]) {\n"
                       "  y = x\n"
                       "  repeat i in 0..7 {\n"
                       "    y = conv2d(y, 512, 3, pad=1, bias=false, name=\"c{i}\")\n"
                       "        |> batch_norm(name=\"b{i}\") |> relu\n"
                       "  }\n"
                       "}\n";
    if (SANITIZED) return;
    expect_within("object", compile(text, "obj"), (Cost){2 * 63 + 64, 20});
}

Test(compile_cost, two_thousand_layers) {
    const char *text = "network net(x: f32[N, 16]) -> (y: f32[N, 16]) {\n"
                       "  y = x\n"
                       "  repeat i in 0..2000 { y = dense(y, 16, name=\"l{i}\") |> relu }\n"
                       "}\n";
    expect_within("deep", compile(text, "obj"), (Cost){400, 15});
}

Test(compile_cost, two_hundred_inputs_and_outputs) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("network net(", out);
    for (int i = 0; i < 200; i++) fprintf(out, "%sx%d: f32[N, 16]", i ? ", " : "", i);
    fputs(") -> (", out);
    for (int i = 0; i < 200; i++) fprintf(out, "%sy%d: f32[N, 16]", i ? ", " : "", i);
    fputs(") {\n", out);
    for (int i = 0; i < 200; i++) fprintf(out, "  y%d = relu(x%d + %d)\n", i, i, i);
    fputs("}\n", out);
    fclose(out);
    expect_within("wide", compile(text, "obj"), (Cost){300, 20});
    free(text);
}
