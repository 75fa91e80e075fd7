/* Winograd's transforms as rows of steps. What two outputs have in common is a step of its own. */
#include "codegen/lower/winograd_transform.h"

#define SIXTH (1.0 / 6)

static const WinogradTransforms f2 = {
    .image = {4, 4, 4, {{-1, 2, 0}, {1, 1, 2}, {-1, 1, 2}, {-1, 3, 1}}, {4, 5, 6, 7}},
    .weight =
        {3, 4, 5, {{1, 0, 2}, {1, 3, 1}, {-1, 1, 3}, {0.5, 4, -1}, {0.5, 5, -1}}, {0, 6, 7, 2}},
    .result = {4, 2, 4, {{1, 0, 1}, {1, 4, 2}, {-1, 2, 1}, {-1, 3, 6}}, {5, 7}},
};

static const WinogradTransforms f4 = {
    .image = {6,
              6,
              12,
              {{-4, 2, 4},  /* 6: d4 - 4 d2 */
               {-4, 1, 3},  /* 7: d3 - 4 d1 */
               {-1, 2, 4},  /* 8: d4 - d2 */
               {-1, 1, 3},  /* 9: d3 - d1 */
               {-5, 2, 4},  /* 10 */
               {4, 0, 10},  /* 11: 4 d0 - 5 d2 + d4 */
               {-5, 3, 5},  /* 12 */
               {4, 1, 12},  /* 13: 4 d1 - 5 d3 + d5 */
               {1, 6, 7},   /* 14 */
               {-1, 7, 6},  /* 15 */
               {2, 9, 8},   /* 16 */
               {-2, 9, 8}}, /* 17 */
              {11, 14, 15, 16, 17, 13}},
    .weight = {3,
               6,
               10,
               {{1, 0, 2},          /* 3: g0 + g2 */
                {1, 3, 1},          /* 4 */
                {-1, 1, 3},         /* 5 */
                {-SIXTH, 4, -1},    /* 6 */
                {-SIXTH, 5, -1},    /* 7 */
                {SIXTH, 2, -1},     /* 8 */
                {SIXTH / 4, 0, 8},  /* 9: g0 / 24 + g2 / 6 */
                {SIXTH / 2, 1, 9},  /* 10 */
                {-SIXTH / 2, 1, 9}, /* 11 */
                {0.25, 0, -1}},     /* 12 */
               {12, 6, 7, 10, 11, 2}},
    .result = {6,
               4,
               10,
               {{1, 1, 2},   /* 6 */
                {-1, 2, 1},  /* 7: m1 - m2 */
                {1, 3, 4},   /* 8 */
                {-1, 4, 3},  /* 9: m3 - m4 */
                {1, 0, 6},   /* 10 */
                {1, 10, 8},  /* 11 */
                {2, 9, 7},   /* 12 */
                {4, 8, 6},   /* 13 */
                {8, 9, 7},   /* 14 */
                {1, 14, 5}}, /* 15 */
               {11, 12, 13, 15}},
};

const WinogradTransforms *winograd_transforms(int m) {
    require(m == 2 || m == 4);
    return m == 2 ? &f2 : &f4;
}

static LX step_value(LBuilder *b, const TransformStep *s, LX const *values) {
    LX x = values[s->x], y = s->y < 0 ? NULL : values[s->y];
    LX coefficient = lx_const(b, x->type, s->coefficient);
    if (!y) return lx_mul(b, x, coefficient);
    if (s->coefficient == 1) return lx_add(b, y, x);
    if (s->coefficient == -1) return lx_sub(b, y, x);
    return lx_fma(b, x, coefficient, y);
}

static void transform_line(LBuilder *b, const Transform *t, LX *values, LX *outputs) {
    for (int i = 0; i < t->nsteps; i++)
        values[t->inputs + i] = lb_let(b, "t", step_value(b, &t->steps[i], values));
    for (int i = 0; i < t->outputs; i++) outputs[i] = values[t->results[i]];
}

void transform_square(LBuilder *b, const Transform *t, LX (*x)[WINOGRAD_MOST],
                      LX (*y)[WINOGRAD_MOST]) {
    enum { VALUES = WINOGRAD_MOST + COUNT_OF(t->steps) };
    LX values[VALUES], columns[WINOGRAD_MOST][WINOGRAD_MOST], out[WINOGRAD_MOST];
    for (int j = 0; j < t->inputs; j++) {
        for (int i = 0; i < t->inputs; i++) values[i] = x[i][j];
        transform_line(b, t, values, out);
        for (int i = 0; i < t->outputs; i++) columns[i][j] = out[i];
    }
    for (int i = 0; i < t->outputs; i++) {
        for (int j = 0; j < t->inputs; j++) values[j] = columns[i][j];
        transform_line(b, t, values, y[i]);
    }
}
