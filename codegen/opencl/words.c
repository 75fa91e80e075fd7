#include "codegen/opencl/opencl.h"

/* clang-format off */
const char *const opencl_words[] = {
    /* Keywords, types, and words of the preprocessor. */
    "INFINITY", "NAN", "__constant", "__global", "__kernel", "__local", "__private", "as_double",
    "as_float", "as_int", "as_long", "as_uint", "as_ulong", "asm", "auto", "bool", "break", "case",
    "char", "complex", "const", "constant", "continue", "default", "do", "double", "else", "enum",
    "event_t", "extern", "false", "float", "for", "global", "goto", "half", "if", "image1d_t",
    "image2d_t", "imaginary", "inline", "int", "kernel", "linux", "local", "long", "main", "pipe",
    "private", "quad", "read_only", "read_write", "register", "restrict", "return", "sampler_t",
    "short", "signed", "size_t", "sizeof", "static", "struct", "switch", "true", "typedef",
    "typeof", "uchar", "uint", "ulong", "uniform", "union", "unix", "unsigned", "ushort", "void",
    "volatile", "while", "write_only",
    /* Functions. Drivers may have macros of these names: a kernel would be renamed by them. */
    "acos", "acosh", "acospi", "asin", "asinh", "asinpi", "atan", "atan2", "atan2pi", "atanh",
    "atanpi", "cbrt", "ceil", "copysign", "cos", "cosh", "cospi", "erf", "erfc", "exp", "exp10",
    "exp2", "expm1", "fabs", "fdim", "floor", "fma", "fmax", "fmin", "fmod", "fract", "frexp",
    "half_cos", "half_divide", "half_exp", "half_exp10", "half_exp2", "half_log", "half_log10",
    "half_log2", "half_powr", "half_recip", "half_rsqrt", "half_sin", "half_sqrt", "half_tan",
    "hypot", "ilogb", "ldexp", "lgamma", "lgamma_r", "log", "log10", "log1p", "log2", "logb", "mad",
    "maxmag", "minmag", "modf", "nan", "native_cos", "native_divide", "native_exp", "native_exp10",
    "native_exp2", "native_log", "native_log10", "native_log2", "native_powr", "native_recip",
    "native_rsqrt", "native_sin", "native_sqrt", "native_tan", "nextafter", "pow", "pown", "powr",
    "remainder", "remquo", "rint", "rootn", "round", "rsqrt", "sin", "sincos", "sinh", "sinpi",
    "sqrt", "tan", "tanh", "tanpi", "tgamma", "trunc",
    "abs", "abs_diff", "add_sat", "all", "any", "bitselect", "clamp", "clz", "cross", "ctz",
    "degrees", "distance", "dot", "fast_distance", "fast_length", "fast_normalize", "hadd",
    "isequal", "isfinite", "isgreater", "isgreaterequal", "isinf", "isless", "islessequal",
    "islessgreater", "isnan", "isnormal", "isnotequal", "isordered", "isunordered", "length",
    "mad24", "mad_hi", "mad_sat", "max", "min", "mix", "mul24", "mul_hi", "normalize", "popcount",
    "radians", "rhadd", "rotate", "select", "sign", "signbit", "smoothstep", "step", "sub_sat",
    "upsample",
    "async_work_group_copy", "async_work_group_strided_copy", "atomic_add", "atomic_and",
    "atomic_cmpxchg", "atomic_dec", "atomic_inc", "atomic_max", "atomic_min", "atomic_or",
    "atomic_sub", "atomic_xchg", "atomic_xor", "barrier", "get_global_id", "get_global_offset",
    "get_global_size", "get_group_id", "get_image_depth", "get_image_dim", "get_image_height",
    "get_image_width", "get_local_id", "get_local_size", "get_num_groups", "get_work_dim",
    "mem_fence", "prefetch", "printf", "read_imagef", "read_imageh", "read_imagei", "read_imageui",
    "read_mem_fence", "shuffle", "shuffle2", "vec_step", "vload_half", "vloada_half", "vstore_half",
    "vstore_half_rte", "vstorea_half", "wait_group_events", "work_group_barrier", "write_imagef",
    "write_imageh", "write_imagei", "write_imageui", "write_mem_fence",
    NULL};
/* clang-format on */
