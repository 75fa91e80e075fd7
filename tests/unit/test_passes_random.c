/* Random networks: whatever the shape of the graph, the pipeline leaves what it computes as it was, and the verifier is
 * content after every pass. */
#include <stdio.h>

#include "tests/unit/passes_fixture.h"

enum { NETWORKS = 250, MOST_STATEMENTS = 24 };

/* Expressions over vectors $v: f32[N, 4] and images $i: f32[N, 4, 6, 6]. */
static const char *const vector_rules[] = {
    "relu($v)",
    "$v + $v",
    "$v * $v",
    "tanh($v)",
    "-$v",
    "$v * 0.5 - $v",
    "maximum($v, $v) / 4.0",
    "where($v > $v, $v, $v * 0.1)",
    "dense($v, 4)",
    "softmax($v)",
    "reduce_mean($i, [2, 3])",
    "flatten(global_max_pool($i))",
    "dense(flatten($i), 4)",
    "reshape(reshape($v, [4, N]) * 2.0, [N, 4])",
    "slice(concat([$v, relu($v)], axis=1), [2], [6], axes=[1])",
    "cast(cast($v, f16), f32)",
    "batch_norm($v)",
};
static const char *const image_rules[] = {
    "relu($i)",
    "$i + $i",
    "$i * sigmoid($i)",
    "-$i - $i",
    "minimum($i, 1.0)",
    "conv2d($i, 4, kernel=1)",
    "conv2d($i, 4, kernel=3, pad=1)",
    "conv2d($i, 4, kernel=3, pad=1, groups=4, bias=false)",
    "conv2d(concat([$i, $i], axis=1), 4, kernel=1)",
    "max_pool2d($i, 3, stride=1, pad=1)",
    "resize(avg_pool2d($i, 2), [6, 6])",
    "resize(slice($i, [0, 0], [3, 4], axes=[2, 3]), [6, 6], mode=\"linear\")",
    "transpose($i, [0, 1, 3, 2])",
    "pad(slice($i, [1, 0], [6, 5], axes=[2, 3]), [0, 0, 0, 1, 0, 0, 1, 0])",
    "$i * reshape($v, [N, 4, 1, 1])",
    "batch_norm($i)",
};

typedef struct Writer {
    uint64_t state;
    StrBuf text;
    int nvectors, nimages; /* so far; v0, v1, i0 and i1 are the inputs */
} Writer;

static uint32_t pick(Writer *w, uint32_t count) {
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->state >> 33) % count;
}

/* One of the last values more often than not, so that chains and residuals form. */
static int pick_value(Writer *w, int count) {
    int span = count < 4 || pick(w, 4) == 0 ? count : 4;
    return count - 1 - (int)pick(w, (uint32_t)span);
}

static void write_rule(Writer *w, const char *rule) {
    for (; *rule; rule++) {
        if (*rule != '$') {
            str_putc(&w->text, *rule);
            continue;
        }
        bool vector = *++rule == 'v';
        str_printf(&w->text, "%c%d", *rule, pick_value(w, vector ? w->nvectors : w->nimages));
    }
}

static void write_statement(Writer *w) {
    bool vector = pick(w, 2) == 0;
    str_printf(&w->text, "  %c%d = ", vector ? 'v' : 'i', vector ? w->nvectors : w->nimages);
    if (vector)
        write_rule(w, vector_rules[pick(w, COUNT_OF(vector_rules))]);
    else
        write_rule(w, image_rules[pick(w, COUNT_OF(image_rules))]);
    str_putc(&w->text, '\n');
    *(vector ? &w->nvectors : &w->nimages) += 1;
}

static void write_network(Writer *w) {
    str_append(&w->text, "network random(v0: f32[N, 4], v1: f32[N, 4], i0: f32[N, 4, 6, 6], "
                         "bytes: u8[N, 4, 6, 6]) -> (y: f32[N, 4], z: f32[N, 4, 6, 6], "
                         "early: f32[N, 4, 6, 6]) {\n  i1 = cast(bytes, f32) / 16.0\n");
    w->nvectors = w->nimages = 2;
    for (uint32_t n = 4 + pick(w, MOST_STATEMENTS - 4); n > 0; n--) write_statement(w);
    str_printf(&w->text, "  y = relu(v%d) + 0.5\n  z = i%d * 0.25\n  early = i%d\n}\n",
               w->nvectors - 1, w->nimages - 1, pick_value(w, w->nimages));
}

static void check_level(int level) {
    for (uint64_t seed = 0; seed < NETWORKS; seed++) {
        Writer writer = {.state = seed + 1};
        write_network(&writer);
        Net net = net_load(str_text(&writer.text));
        net.target.vector_bits = 128; /* four channels are a block */
        net_level(&net, level);
        net_expect_same(&net, 1e-3); /* f16 on the way may round the other way */
        net_free(&net);
        str_free(&writer.text);
    }
}

Test(passes_random, level_0) {
    check_level(0);
}
Test(passes_random, level_1) {
    check_level(1);
}
Test(passes_random, level_2) {
    check_level(2);
}
