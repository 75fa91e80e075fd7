/* A program that reads handwritten digits with a compiled network: what an embedder writes.
 *
 *   score IMAGES.npy LABELS.npy REFERENCE.npy THREADS|reference
 *
 * Classifies all images through the generated header's functions, on that many threads, and prints one row: accuracy, how far the
 * answers agree with the reference's, the time for one image and for all, and the bytes of code and weights. With `reference` it
 * scores the reference's own answers. -DTARGET='"opencl"' names another target in the row than cpu;
 * -DSIMULATION stands for one whose runs are of one image (-bind N=1) and whose time says nothing. The network's name and header come from the compiler's command line, so the same source serves
 * every network with this signature: -DNETWORK=mlp -DHEADER='"mlp.h"' -DOBJECT_BYTES=SIZE. */
#define _POSIX_C_SOURCE 200809L
#include HEADER

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define NET(name)   JOIN(NETWORK, _##name)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

#ifndef RUNS
#define RUNS 200 /* of which the median is taken */
#endif

enum { PIXELS = 64, DIGITS = 10 };

/* The data of a version 1.0 .npy file of whole records; count is how many there are. */
static void *read_npy(const char *path, size_t record, size_t *count) {
    unsigned char head[10];
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, 1, sizeof head, file) != sizeof head ||
        memcmp(head, "\x93NUMPY\x01", 7) != 0) {
        fprintf(stderr, "score: %s is no .npy file of version 1.0\n", path);
        exit(1);
    }
    long begin = 10 + head[8] + 256 * head[9];
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)(ftell(file) - begin);
    void *data = malloc(bytes + 1);
    fseek(file, begin, SEEK_SET);
    if (!data || fread(data, 1, bytes, file) != bytes) {
        fprintf(stderr, "score: cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    *count = bytes / record;
    return data;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check(nn_status status, const char *what) {
    if (status == NN_OK) return;
    fprintf(stderr, "score: %s: %s\n", what, nn_status_text(status));
    exit(1);
}

#ifdef SERIAL
/* Without libnnrt: no threads, memory from the heap. */
static void *heap_allocate(void *allocator, size_t bytes, size_t alignment) {
    (void)allocator;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void heap_release(void *allocator, void *memory, size_t bytes) {
    (void)allocator;
    (void)bytes;
    free(memory);
}

nn_status nn_default_options(size_t threads, nn_options *options) {
    (void)threads;
    *options = (nn_options){
        .struct_bytes = sizeof *options, .allocate = heap_allocate, .release = heap_release};
    return NN_OK;
}

void nn_release_options(nn_options *options) {
    (void)options;
}
#endif

static void run(nn_context *context, const unsigned char *images, float *probs, size_t n) {
#ifdef SIMULATION
    for (size_t i = 0; i < n; i++) {
        NET(io) io = {.image = images + i * PIXELS, .probs = probs + i * DIGITS};
        check(NET(run)(context, &io), "run");
    }
#else
    NET(io) io = {.N = (int64_t)n, .image = images, .probs = probs};
    check(NET(run)(context, &io), "run");
#endif
}

/* Median seconds of a run on the first n images. */
static double latency(nn_context *context, const unsigned char *images, float *probs, size_t n) {
    static double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        run(context, images, probs, n);
        times[i] = now() - start;
    }
    qsort(times, RUNS, sizeof times[0], ascending);
    return times[RUNS / 2];
}

static int best(const float *probs) {
    int digit = 0;
    for (int i = 1; i < DIGITS; i++) {
        if (probs[i] > probs[digit]) digit = i;
    }
    return digit;
}

static void print_row(const char *target, const float *probs, const float *reference,
                      const unsigned char *labels, size_t n) {
    size_t right = 0, same = 0;
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        right += best(probs + i * DIGITS) == labels[i];
        same += best(probs + i * DIGITS) == best(reference + i * DIGITS);
    }
    for (size_t i = 0; i < n * DIGITS; i++) {
        difference += pow((double)probs[i] - (double)reference[i], 2);
        size += pow((double)reference[i], 2);
    }
    printf("%-8s %-14s %7.2f %% %12.2f %% %12.1e", TEXT(NETWORK), target,
           100.0 * (double)right / (double)n, 100.0 * (double)same / (double)n,
           sqrt(difference / size));
}

int main(int argc, char **argv) {
    size_t n, labelled, referenced;
    if (argc != 5) {
        fprintf(stderr, "usage: score IMAGES.npy LABELS.npy REFERENCE.npy THREADS|reference\n");
        return 2;
    }
    unsigned char *images = read_npy(argv[1], PIXELS, &n),
                  *labels = read_npy(argv[2], 1, &labelled);
    float *reference = read_npy(argv[3], DIGITS * sizeof(float), &referenced);
    float *probs = calloc(n * DIGITS, sizeof *probs);
    if (!probs || labelled != n || referenced != n) {
        fprintf(stderr,
                "score: %zu images, %zu labels and %zu reference results do not go together\n", n,
                labelled, referenced);
        return 1;
    }
    if (strcmp(argv[4], "reference") == 0) {
        print_row("reference", reference, reference, labels, n);
        printf(" %13s %15s %11s\n", "-", "-", "-");
    } else {
        char target[32];
        size_t threads = (size_t)atoi(argv[4]);
        nn_options options;
        nn_context *context;
        check(nn_default_options(threads, &options), "options");
#ifndef SIMULATION
        NET(limits) limits = {.N = (int64_t)n};
        options.limits = &limits;
#endif
        check(NET(create)(&options, &context), "create");
        double one = latency(context, images, probs, 1), all = latency(context, images, probs, n);
#ifdef TARGET
        snprintf(target, sizeof target, "%s", TARGET);
#else
        snprintf(target, sizeof target, "cpu, %zu thread%s", threads, threads == 1 ? "" : "s");
#endif
        print_row(target, probs, reference, labels, n);
#ifdef SIMULATION
        (void)one;
        (void)all;
        printf(" %13s %15s %8.1f kB\n", "simulated", "-", 1e-3 * (double)OBJECT_BYTES);
#else
        printf(" %10.2f us %12.3f ms %8.1f kB\n", 1e6 * one, 1e3 * all,
               1e-3 * (double)OBJECT_BYTES);
#endif
        NET(destroy)(context);
        nn_release_options(&options);
    }
    free(images);
    free(labels);
    free(reference);
    free(probs);
    return 0;
}
