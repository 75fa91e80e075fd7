/* OpenBLAS packs in every call. */
#include <cblas.h>
#include <stdlib.h>

#include "kernel.h"

struct Kernel {
    int m, n, k;
    const float *w;
};

Kernel *product_open(int m, int n, int k, const float *w, int threads) {
    Kernel *kernel = malloc(sizeof *kernel);
    openblas_set_num_threads(threads);
    *kernel = (Kernel){m, n, k, w};
    return kernel;
}

Kernel *conv_open(int channels, int size, int filters, int window, int stride, const float *w,
                  int threads) {
    (void)channels, (void)size, (void)filters, (void)window, (void)stride, (void)w, (void)threads;
    return NULL;
}

int kernel_run(Kernel *p, float *x, float *y) {
    if (p->m == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, p->n, p->k, 1, p->w, p->k, x, 1, 0, y, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->m, p->n, p->k, 1, x, p->k, p->w,
                    p->k, 0, y, p->n);
    return 0;
}
