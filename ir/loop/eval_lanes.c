/* Vector and tile operators of the evaluator, lane by lane. */
#include "ir/loop/eval.h"

#include <math.h>

/* Halves first: lane i with lane i + n/2; an odd last lane joins lane 0. Only floats depend on the
 * order. */
static bool reduce(Scalar *f, const EvalInsn *in) {
    Scalar *v = f + in->a;
    int n = in->expr->args[0]->type.lanes;
    Scalar work[1024];
    require(n <= 1024);
    for (int i = 0; i < n; i++) work[i] = v[i];
    while (n > 1) {
        int half = n / 2;
        if (n % 2 && !scalar_binary(in->sub, in->dtype, work[0], work[n - 1], &work[0]))
            return false;
        for (int i = 0; i < half; i++)
            if (!scalar_binary(in->sub, in->dtype, work[i], work[i + half], &work[i])) return false;
        n = half;
    }
    f[in->dst] = work[0];
    return true;
}

static int64_t wrapping_product(Scalar a, Scalar b, int64_t sum) {
    return scalar_wrap(DT_i32, (int64_t)((uint64_t)sum + (uint64_t)a.i * (uint64_t)b.i));
}

/* bf16: one fused step after the other. */
static void dot(Scalar *f, const EvalInsn *in) {
    bool halves = in->dtype == DT_f32;
    int group = halves ? 2 : 4;
    for (int i = 0; i < in->lanes; i++) {
        Scalar sum = f[in->a + i];
        for (int k = 0; k < group; k++) {
            Scalar x = f[in->b + i * group + k], y = f[in->c + i * group + k];
            if (halves)
                sum.f = fmaf(x.f, y.f, sum.f);
            else
                sum.i = wrapping_product(x, y, sum.i);
        }
        f[in->dst + i] = sum;
    }
}

static void tile_dot(Scalar *f, const EvalInsn *in) {
    LType x = in->expr->args[1]->type, y = in->expr->args[2]->type;
    int columns = in->expr->type.lanes, q = y.lanes / columns;
    for (int r = 0; r < in->expr->type.rows; r++)
        for (int c = 0; c < columns; c++) {
            Scalar sum = f[in->a + r * columns + c];
            for (int k = 0; k < y.rows; k++)
                for (int j = 0; j < q; j++) {
                    Scalar p = f[in->b + r * x.lanes + k * q + j];
                    Scalar w = f[in->c + k * y.lanes + c * q + j];
                    if (in->dtype == DT_f32)
                        sum.f = fmaf(p.f, w.f, sum.f);
                    else
                        sum.i = wrapping_product(p, w, sum.i);
                }
            f[in->dst + r * columns + c] = sum;
        }
}

static void shuffle(Scalar *f, const EvalInsn *in) {
    int lanes = in->expr->args[0]->type.lanes;
    for (int i = 0; i < in->lanes; i++) {
        int from = in->expr->lanes_map[i];
        /* -1 is any value; one that would be noticed in a result. */
        f[in->dst + i] = from < 0
                             ? scalar_from_double(in->dtype, dtype_is_float(in->dtype) ? -77.0 : 1)
                         : from < lanes ? f[in->a + from]
                                        : f[in->b + from - lanes];
    }
}

bool leval_lanes(Scalar *f, const EvalInsn *in) {
    Scalar *d = f + in->dst;
    const Scalar *a = f + in->a, *b = f + in->b, *c = f + in->c;
    switch (in->op) {
    case EV_UNARY:
        for (int i = 0; i < in->lanes; i++) d[i] = scalar_unary(in->sub, in->from, a[i]);
        return true;
    case EV_BINARY:
        for (int i = 0; i < in->lanes; i++)
            if (!scalar_binary(in->sub, in->from, a[i], b[i], &d[i])) return false;
        return true;
    case EV_FMA:
        for (int i = 0; i < in->lanes; i++) d[i] = scalar_fma(in->dtype, a[i], b[i], c[i]);
        return true;
    case EV_CAST:
        for (int i = 0; i < in->lanes; i++) d[i] = scalar_cast(in->sub, in->from, in->dtype, a[i]);
        return true;
    case EV_BITCAST:
        for (int i = 0; i < in->lanes; i++) d[i] = scalar_bitcast(in->from, in->dtype, a[i]);
        return true;
    case EV_RAMP:
        for (int i = 0; i < in->lanes; i++) {
            int64_t step;
            if (!checked_mul(b->i, i, &step) || !checked_add(a->i, step, &d[i].i)) return false;
        }
        return true;
    case EV_SHUFFLE: shuffle(f, in); return true;
    case EV_EXTRACT: d[0] = a[in->expr->i]; return true;
    case EV_REDUCE: return reduce(f, in);
    case EV_DOT: dot(f, in); return true;
    case EV_TILE_ZERO:
        for (int i = 0; i < in->lanes; i++) d[i] = (Scalar){.i = 0};
        return true;
    case EV_TILE_DOT: tile_dot(f, in); return true;
    default: unreachable();
    }
}
