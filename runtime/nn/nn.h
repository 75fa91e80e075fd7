/* The interface between generated networks and the programs that use them.
 *
 * Generated headers include this file; it needs nothing but the C library's freestanding headers. A
 * cpu object that nnc wrote can be used with this header alone; libnnrt adds threads, CPU
 * detection, loading of shared objects and devices. Valid C99 and C++11. */
#ifndef NN_NN_H
#define NN_NN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NN_ABI_VERSION 1

typedef enum nn_status {
    NN_OK = 0,
    NN_INVALID = 1,     /* an argument is null, misaligned, negative, or contradicts another */
    NN_TOO_LARGE = 2,   /* a size exceeds the limits of the context; nothing was touched */
    NN_NO_MEMORY = 3,   /* an allocation failed, or the caller's memory is too small */
    NN_MISMATCH = 4,    /* an artifact is of another ABI version or interface, or was damaged */
    NN_UNSUPPORTED = 5, /* this machine lacks what the code needs */
    NN_IO = 6,          /* a file could not be read */
    NN_DEVICE = 7       /* a device failed */
} nn_status;

/* One line of text for a status; never null. */
const char *nn_status_text(nn_status status);

typedef enum nn_type {
    NN_F32,
    NN_F16,
    NN_BF16,
    NN_F64,
    NN_I8,
    NN_U8,
    NN_I16,
    NN_I32,
    NN_I64,
    NN_BOOL,
    NN_I4,
    NN_U4
} nn_type;

/* ---- options --------------------------------------------------------------------------------- */

/* Runs task(argument, i) for every i in 0..count-1, in any order and on any threads, and returns
 * when all are done. `cycles`: an estimate of what all of them take in one thread, 0 if there is
 * none; it is for deciding how many threads that is worth. */
typedef void nn_task(void *argument, size_t index);
typedef void nn_parallel_for(void *pool, nn_task *task, void *argument, size_t count,
                             uint64_t cycles);

/* What generated code does not have and takes from outside. Zeroed members have the stated meaning,
 * so a zeroed struct with `struct_bytes` set is valid: serial, no allocator, the object's own
 * weights. */
typedef struct nn_options {
    size_t struct_bytes; /* sizeof(nn_options) */
    /* Memory for NETWORK_create; alignment is a power of two. Null: create returns NN_NO_MEMORY. */
    void *(*allocate)(void *allocator, size_t bytes, size_t alignment);
    void (*release)(void *allocator, void *memory, size_t bytes);
    void *allocator;
    nn_parallel_for *parallel_for; /* null: everything runs in the calling thread */
    void *pool;
    /* Upper bounds of the symbols: a NETWORK_limits. Null is allowed where all dimensions are
     * bound. */
    const void *limits;
    /* The weight section at another address, 64-byte aligned; null: that of the object. */
    const void *weights;
    size_t weights_bytes;
    uint64_t weights_hash; /* source_hash of the network they were written for; 0: not checked */
    /* NN_CPU_* bits of this machine, or 0: not checked. */
    uint64_t cpu_features;
    /* opencl: a nn_device that says which; null: the first GPU, else the first device. */
    void *device;
    void (*log)(void *log_data, const char *message);
    void *log_data;
} nn_options;

#define NN_CPU_KNOWN       (1ull << 0) /* the other bits are valid */
#define NN_CPU_X86_64_V2   (1ull << 1)
#define NN_CPU_X86_64_V3   (1ull << 2)
#define NN_CPU_X86_64_V4   (1ull << 3)
#define NN_CPU_AVX512_VNNI (1ull << 4)
#define NN_CPU_AVX512_BF16 (1ull << 5)
#define NN_CPU_AMX_TILE    (1ull << 6)
#define NN_CPU_AMX_INT8    (1ull << 7)
#define NN_CPU_AMX_BF16    (1ull << 8)
#define NN_CPU_AVX512_FP16 (1ull << 9)

/* ---- what a network says of itself ----------------------------------------------------------- */

/* An expression over the symbols in postfix form: pairs (opcode, operand). */
typedef struct nn_expr {
    size_t length; /* int64_t values in code; 0: unknown */
    const int64_t *code;
} nn_expr;

enum {
    NN_EXPR_CONST,
    NN_EXPR_SYMBOL,
    NN_EXPR_ADD,
    NN_EXPR_MUL,
    NN_EXPR_FLOORDIV,
    NN_EXPR_MOD,
    NN_EXPR_MIN,
    NN_EXPR_MAX
};
enum { NN_EXPR_DEPTH = 32, NN_MAX_RANK = 8 };

/* Value of an expression; NN_TOO_LARGE on overflow, NN_INVALID if malformed or the value is
 * unknown. */
nn_status nn_eval(const nn_expr *expr, const int64_t *symbols, size_t symbol_count, int64_t *value);

typedef struct nn_tensor {
    const char *name;
    nn_type type;
    int32_t rank;
    nn_expr dims[NN_MAX_RANK];
} nn_tensor;

/* Opaque; lies in the caller's memory. */
typedef struct nn_context nn_context;

/* Everything a program can ask a network, and its entry points in untyped form. The io of run is
 * the generated NETWORK_io: one int64_t for each symbol, then one pointer for each input and each
 * output. */
typedef struct nn_network {
    char magic[8];        /* "nn-net\0\1" */
    uint32_t abi_version; /* NN_ABI_VERSION */
    uint32_t struct_bytes;
    uint64_t interface_hash; /* of names, types and shapes */
    uint64_t source_hash;    /* of graph and weights */
    const char *name;
    const char *target; /* "cpu" and the processor it was compiled for */
    const char *precision;
    uint32_t symbol_count, input_count, output_count, kernel_count;
    const char *const *symbols;
    const nn_tensor *inputs;
    const nn_tensor *outputs;
    nn_expr operations;  /* arithmetic operations of a run */
    nn_expr arena_bytes; /* of activations */
    size_t weights_bytes;
    size_t stack_bytes;                          /* most a run needs on any one thread's stack */
    uint64_t cpu_features;                       /* needed */
    size_t (*context_bytes)(const void *limits); /* SIZE_MAX where too large; alignment 64 */
    nn_status (*init)(void *memory, size_t bytes, const nn_options *options, nn_context **context);
    nn_status (*create)(const nn_options *options, nn_context **context);
    nn_status (*run)(nn_context *context, const void *io);
    void (*destroy)(nn_context *context);
    /* Details of the last failure, "" if there was none; never null. */
    const char *(*message)(const nn_context *context);
} nn_network;

/* The one symbol that a loadable artifact exports. */
#define NN_ENTRY_SYMBOL "nn_network_entry"

/* ---- libnnrt --------------------------------------------------------------------------------- */

/* A thread pool and options that use it. threads: 1 is serial, 0 means one for each core that the
 * process may use; where the system grants fewer, fewer run. Fills allocator, threads, CPU features
 * (and asks the system for AMX where it is there). Release with nn_release_options when no context
 * is left.
 *
 * The calling thread works too; the others look for work for some 50 microseconds after a run and
 * then sleep. They block all signals. Any number of contexts may share the options: while one is
 * in a parallel loop, the loops of others run in their own threads. After fork the child has none
 * of the threads, and its runs are right in one. */
nn_status nn_default_options(size_t threads, nn_options *options);
void nn_release_options(nn_options *options);

/* Opens a loadable artifact (.so), checks magic, version and hashes. On failure *reason (if not
 * null) points to a static or per-thread text. */
typedef struct nn_library nn_library;
nn_status nn_load(const char *path, nn_library **library, const char **reason);
const nn_network *nn_library_network(const nn_library *library);
void nn_unload(nn_library *library); /* no context may be left */

/* A device of this machine, as nn_opencl_devices lists it. To choose one for a network, point
 * options->device at such a struct, either as listed or with just these set: struct_bytes, index
 * (position in the list, or -1: any), name (part of the device's or the platform's name, in any
 * case; "": any). */
typedef struct nn_device {
    size_t struct_bytes; /* sizeof(nn_device) */
    int32_t index;
    int32_t is_gpu;
    int32_t has_local_memory; /* apart from the global memory */
    uint32_t compute_units;
    /* All memory; most in one buffer; most local memory of a work-group. */
    uint64_t global_bytes, buffer_bytes, local_bytes;
    uint64_t alignment;     /* bytes, of a buffer's start within another */
    uint64_t group_items;   /* most work-items of a work-group */
    uint64_t axis_items[3]; /* and along each axis */
    char name[128], platform[128], version[64], driver[64];
} nn_device;

/* Lists the devices that OpenCL drivers of this machine offer, 64 at most; *count is their number,
 * which may exceed the capacity of the array. NN_UNSUPPORTED with *reason (static text, may be
 * null) where there is no driver or no device. Compiled programs are kept in $NNC_CACHE_DIR, else
 * $XDG_CACHE_HOME/nnc, else ~/.cache/nnc; nowhere where NNC_CACHE_DIR is set and empty. */
nn_status nn_opencl_devices(nn_device *devices, size_t capacity, size_t *count,
                            const char **reason);

/* Maps a weight file written with -weights-out=external; sets weights, weights_bytes and
 * weights_hash. */
typedef struct nn_weights nn_weights;
nn_status nn_map_weights(const char *path, nn_weights **weights, nn_options *options);
void nn_unmap_weights(nn_weights *weights);

#ifdef __cplusplus
}
#endif

#endif
