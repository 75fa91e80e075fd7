/* A libOpenCL.so.1 without a single OpenCL function. */
extern const int empty_loader;
const int empty_loader = 1;
