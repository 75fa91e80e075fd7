/* Whether a result agrees with its reference: the criterion of every comparison between targets. */
#include <math.h>
#include <string.h>

#include "ir/tensor.h"

static bool same_type(const Tensor *a, const Tensor *b) {
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) == 0;
}

/* NaN and infinity must stand at the same places. */
static bool same_kind(double result, double reference) {
    if (isnan(reference)) return isnan(result);
    if (isinf(reference)) return result == reference;
    return isfinite(result);
}

static Agreement agreement_of_integers(const Tensor *result, const Tensor *reference) {
    Agreement a = {.agrees = true, .worst = -1};
    int64_t count = tensor_elements(reference);
    double largest = 0, squares = 0, reference_squares = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t r = tensor_int(reference, i), x = tensor_int(result, i);
        double d = fabs((double)x - (double)r);
        if (x != r && (a.agrees || d > a.max_error)) {
            a.agrees = false;
            a.max_error = d;
            a.worst = i;
        }
        largest = fmax(largest, fabs((double)r));
        squares += d * d;
        reference_squares += (double)r * (double)r;
    }
    if (largest > 0) a.max_error /= largest;
    a.relative_l2 = sqrt(squares) / (reference_squares > 0 ? sqrt(reference_squares) : 1);
    return a;
}

/* sqrt of the sum of squares, scaled by the largest magnitude so that squares cannot overflow.
 * other null: zeros. */
static double distance(const Tensor *a, const Tensor *other, double largest) {
    if (!(largest > 0) || isinf(largest)) return largest;
    int64_t count = tensor_elements(a);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = tensor_get(a, i);
        if (!isfinite(d)) continue;
        if (other) d -= tensor_get(other, i);
        d /= largest;
        sum += d * d;
    }
    return largest * sqrt(sum);
}

Agreement tensor_agreement(const Tensor *result, const Tensor *reference, double tol) {
    if (!same_type(result, reference))
        return (Agreement){.relative_l2 = INFINITY, .max_error = INFINITY, .worst = -1};
    if (!dtype_is_float(reference->dtype)) return agreement_of_integers(result, reference);
    Agreement a = {.worst = -1};
    int64_t count = tensor_elements(reference);
    double largest = 0, largest_error = 0;
    for (int64_t i = 0; i < count; i++) {
        double r = tensor_get(reference, i), x = tensor_get(result, i);
        if (!same_kind(x, r))
            return (Agreement){.relative_l2 = INFINITY, .max_error = INFINITY, .worst = i};
        if (!isfinite(r)) continue;
        double d = fabs(x - r);
        if (d > largest_error) {
            largest_error = d;
            a.worst = i;
        }
        largest = fmax(largest, fabs(r));
    }
    double length = largest > 0 ? distance(reference, 0, largest) : 1;
    a.relative_l2 = distance(result, reference, largest_error) / length;
    a.max_error = largest_error / (largest > 0 ? largest : 1);
    a.agrees = a.relative_l2 <= tol && a.max_error <= 100 * tol;
    return a;
}
