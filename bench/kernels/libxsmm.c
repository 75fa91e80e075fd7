/* One generated kernel for blocks of BN columns by BM rows of the result, over the whole depth; the
 * weight is packed into panels of BN columns. */
#include <libxsmm.h>
#include <stdlib.h>

#include "kernel.h"

enum { BN = 64, MOST_ROWS = 64 };

struct Kernel {
    int m, n, k, rows, threads;
    float *panels;
    libxsmm_smmfunction run;
};

static int block_rows(int m) {
    for (int rows = MOST_ROWS; rows > 1; rows--)
        if (m % rows == 0) return rows;
    return 1;
}

Kernel *product_open(int m, int n, int k, const float *w, int threads) {
    if (n % BN != 0) return NULL;
    const float zero = 0;
    const int lda = BN, ldb = k, ldc = n;
    Kernel *p = malloc(sizeof *p);
    *p = (Kernel){m, n, k, block_rows(m), threads, aligned_alloc(64, sizeof(float) * n * k), NULL};
    for (int panel = 0; panel < n / BN; panel++)
        for (int i = 0; i < k; i++)
            for (int j = 0; j < BN; j++)
                p->panels[((size_t)panel * k + i) * BN + j] = w[(size_t)(panel * BN + j) * k + i];
    p->run = libxsmm_smmdispatch(BN, p->rows, k, &lda, &ldb, &ldc, NULL, &zero, NULL, NULL);
    return p->run ? p : NULL;
}

Kernel *conv_open(int channels, int size, int filters, int window, int stride, const float *w,
                  int threads) {
    (void)channels, (void)size, (void)filters, (void)window, (void)stride, (void)w, (void)threads;
    return NULL;
}

int kernel_run(Kernel *p, float *x, float *y) {
    int across = p->n / BN, down = p->m / p->rows;
#pragma omp parallel for num_threads(p->threads) if (p->threads > 1)
    for (int block = 0; block < across * down; block++) {
        int column = block % across, row = block / across;
        p->run(p->panels + (size_t)column * p->k * BN, x + (size_t)row * p->rows * p->k,
               y + (size_t)row * p->rows * p->n + column * BN);
    }
    return 0;
}
