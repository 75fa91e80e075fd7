/* One product or convolution by a library. Built as a shared object for each library; called from
 * bench/peers. All tensors are plain: rows, NCHW, OIHW; weights are packed ahead. */
#ifndef NNC_BENCH_KERNEL_H
#define NNC_BENCH_KERNEL_H

typedef struct Kernel Kernel;

/* y[m, n] = x[m, k] w[n, k]^T; null where the library cannot. */
Kernel *product_open(int m, int n, int k, const float *w, int threads);
/* One image, padding window / 2; null where the library cannot. */
Kernel *conv_open(int channels, int size, int filters, int window, int stride, const float *w,
                  int threads);
/* Zero on success. */
int kernel_run(Kernel *kernel, float *x, float *y);

#endif
