/* An OpenCL driver for tests, found by the ICD loader: two devices in host memory that know the kernels of plan_case.h by name.
 *
 * Commands are done as late as OpenCL allows, when a blocking read or clFinish waits for them, so that a caller that lets go of
 * its memory too early is found out. Every call but the releases can be made to fail. */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl_icd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_icd.h"

enum { MAX_ARGS = 8, MAX_PENDING = 256 };

struct _cl_platform_id {
    const cl_icd_dispatch *dispatch;
};

struct _cl_device_id {
    const cl_icd_dispatch *dispatch;
    cl_device_type type;
    const char *name;
};

struct _cl_context {
    const cl_icd_dispatch *dispatch;
};

typedef struct Arg {
    size_t bytes;
    cl_mem memory;
    cl_long integer;
} Arg;

typedef struct Command {
    cl_mem memory; /* null: a kernel */
    const void *data;
    size_t bytes;
    const char *kernel;
    size_t items;
    Arg args[MAX_ARGS];
} Command;

struct _cl_command_queue {
    const cl_icd_dispatch *dispatch;
    size_t count;
    Command commands[MAX_PENDING];
};

struct _cl_mem {
    const cl_icd_dispatch *dispatch;
    cl_mem whole;
    char *data;
    size_t bytes;
    int is_live;
};

struct _cl_program {
    const cl_icd_dispatch *dispatch;
    char *source;
    int is_binary, is_built;
};

typedef struct Builtin {
    const char *name;
    cl_uint args;
    void (*run)(const Arg *args, size_t items);
} Builtin;

struct _cl_kernel {
    const cl_icd_dispatch *dispatch;
    const Builtin *builtin;
    Arg args[MAX_ARGS];
};

static FakeControl control = {.device_count = 2,
                              .global_bytes = 1u << 30,
                              .buffer_bytes = 1u << 28,
                              .local_bytes = 32768,
                              .align_bits = 1024,
                              .group_items = 256,
                              .kernel_items = 256,
                              .driver = "1.0"};

__attribute__((visibility("default"))) FakeControl *fake_icd_control(void);
FakeControl *fake_icd_control(void) {
    return &control;
}

/* ---- kernels ----------------------------------------------------------------------------------- */

/* An element of an argument; a plan may have been made wrong on purpose, and then reads and writes past the end go nowhere. */
static float *at(const Arg *arg, size_t i) {
    static _Thread_local float nowhere;
    if (!arg->memory || i >= arg->memory->bytes / sizeof(float)) return &nowhere;
    return (float *)(void *)arg->memory->data + i;
}

static size_t at_most(size_t items, cl_long n) {
    return n < 0 ? 0 : items < (size_t)n ? items : (size_t)n;
}

static void run_add(const Arg *args, size_t items) {
    for (size_t i = 0; i < at_most(items, args[3].integer); i++) {
        *at(&args[2], i) = *at(&args[0], i) + *at(&args[1], i % 4);
    }
}

static void run_double(const Arg *args, size_t items) {
    for (size_t i = 0; i < at_most(items, args[2].integer); i++) {
        *at(&args[1], i) = 2 * *at(&args[0], i);
    }
}

static void run_fma(const Arg *args, size_t items) {
    for (size_t i = 0; i < at_most(items, args[4].integer); i++) {
        *at(&args[3], i) = *at(&args[0], i) * *at(&args[1], i) + *at(&args[2], i);
    }
}

static void run_tail(const Arg *args, size_t items) {
    for (size_t i = 0; i < at_most(items, args[2].integer - 2); i++) {
        *at(&args[1], i) = *at(&args[0], i + 2);
    }
}

static const Builtin builtins[] = {
    {"nn_add", 4, run_add},
    {"nn_double", 3, run_double},
    {"nn_fma", 5, run_fma},
    {"nn_tail", 3, run_tail},
};

/* ---- faults ------------------------------------------------------------------------------------ */

static int fails(const char *function) {
    if (++control.calls != control.fail_at) return 0;
    control.failed = function;
    return 1;
}

#define FAIL_STATUS                                                                                \
    do {                                                                                           \
        if (fails(__func__)) return control.error;                                                 \
    } while (0)

#define FAIL_OBJECT                                                                                \
    do {                                                                                           \
        if (fails(__func__)) {                                                                     \
            if (error) *error = control.error;                                                     \
            return NULL;                                                                           \
        }                                                                                          \
        if (error) *error = CL_SUCCESS;                                                            \
    } while (0)

static const cl_icd_dispatch dispatch;

static void *make(size_t bytes, FakeKind kind) {
    void *object = calloc(1, bytes);
    if (!object) abort();
    const cl_icd_dispatch *table = &dispatch;
    memcpy(object, &table, sizeof table);
    control.live[kind]++;
    return object;
}

static cl_int answer(const void *value, size_t bytes, size_t room, void *to, size_t *needed) {
    if (needed) *needed = bytes;
    if (!to) return CL_SUCCESS;
    if (room < bytes) return CL_INVALID_VALUE;
    memcpy(to, value, bytes);
    return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t room, void *to, size_t *needed) {
    return answer(text, strlen(text) + 1, room, to, needed);
}

/* ---- platform and devices ------------------------------------------------------------------------ */

static struct _cl_platform_id platform = {&dispatch};
static struct _cl_device_id devices[] = {
    {&dispatch, CL_DEVICE_TYPE_CPU, "Fake processor"},
    {&dispatch, CL_DEVICE_TYPE_GPU, "Fake graphics card"},
};

static cl_int fake_platform_ids(cl_uint room, cl_platform_id *platforms, cl_uint *count) {
    if (count) *count = 1;
    if (platforms && room > 0) platforms[0] = &platform;
    return CL_SUCCESS;
}

static cl_int fake_platform_info(cl_platform_id id, cl_platform_info what, size_t room, void *to,
                                 size_t *needed) {
    (void)id;
    FAIL_STATUS;
    switch (what) {
    case CL_PLATFORM_NAME: return answer_text("Fake platform", room, to, needed);
    case CL_PLATFORM_VERSION: return answer_text("OpenCL 1.2 fake", room, to, needed);
    case CL_PLATFORM_VENDOR: return answer_text("nobody", room, to, needed);
    case CL_PLATFORM_PROFILE: return answer_text("FULL_PROFILE", room, to, needed);
    case CL_PLATFORM_EXTENSIONS: return answer_text("cl_khr_icd", room, to, needed);
    case CL_PLATFORM_ICD_SUFFIX_KHR: return answer_text("FAKE", room, to, needed);
    default: return CL_INVALID_VALUE;
    }
}

static cl_int fake_device_ids(cl_platform_id id, cl_device_type type, cl_uint room,
                              cl_device_id *ids, cl_uint *count) {
    (void)id;
    (void)type;
    FAIL_STATUS;
    if (control.device_count == 0) return CL_DEVICE_NOT_FOUND;
    if (count) *count = (cl_uint)control.device_count;
    for (cl_uint i = 0; ids && i < room && i < (cl_uint)control.device_count; i++) {
        ids[i] = &devices[i];
    }
    return CL_SUCCESS;
}

static cl_int fake_device_info(cl_device_id id, cl_device_info what, size_t room, void *to,
                               size_t *needed) {
    FAIL_STATUS;
    cl_bool yes = CL_TRUE;
    cl_uint units = 2;
    size_t axes[3] = {control.group_items, control.group_items, control.group_items};
    cl_device_local_mem_type local = CL_GLOBAL;
    switch (what) {
    case CL_DEVICE_TYPE: return answer(&id->type, sizeof id->type, room, to, needed);
    case CL_DEVICE_NAME: return answer_text(id->name, room, to, needed);
    case CL_DEVICE_VERSION: return answer_text("OpenCL 1.2 fake", room, to, needed);
    case CL_DRIVER_VERSION: return answer_text(control.driver, room, to, needed);
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE: return answer(&yes, sizeof yes, room, to, needed);
    case CL_DEVICE_LOCAL_MEM_TYPE: return answer(&local, sizeof local, room, to, needed);
    case CL_DEVICE_MAX_COMPUTE_UNITS: return answer(&units, sizeof units, room, to, needed);
    case CL_DEVICE_MEM_BASE_ADDR_ALIGN:
        return answer(&control.align_bits, sizeof control.align_bits, room, to, needed);
    case CL_DEVICE_GLOBAL_MEM_SIZE: return answer(&control.global_bytes, 8, room, to, needed);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE: return answer(&control.buffer_bytes, 8, room, to, needed);
    case CL_DEVICE_LOCAL_MEM_SIZE: return answer(&control.local_bytes, 8, room, to, needed);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return answer(&control.group_items, sizeof(size_t), room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES: return answer(axes, sizeof axes, room, to, needed);
    default: return CL_INVALID_VALUE;
    }
}

/* ---- context and queue ----------------------------------------------------------------------------- */

static cl_context
fake_create_context(const cl_context_properties *properties, cl_uint count, const cl_device_id *ids,
                    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
                    void *data, cl_int *error) {
    (void)properties;
    (void)ids;
    (void)notify;
    (void)data;
    FAIL_OBJECT;
    control.misuse += count != 1;
    return make(sizeof(struct _cl_context), FAKE_CONTEXT);
}

static cl_int fake_release_context(cl_context context) {
    for (int kind = FAKE_QUEUE; kind < FAKE_KINDS; kind++) control.misuse += control.live[kind] < 0;
    control.live[FAKE_CONTEXT]--;
    free(context);
    return CL_SUCCESS;
}

static cl_command_queue fake_create_queue(cl_context context, cl_device_id id,
                                          cl_command_queue_properties properties, cl_int *error) {
    (void)context;
    (void)id;
    FAIL_OBJECT;
    control.misuse += properties != 0;
    return make(sizeof(struct _cl_command_queue), FAKE_QUEUE);
}

static void do_all(cl_command_queue queue) {
    for (size_t i = 0; i < queue->count; i++) {
        const Command *command = &queue->commands[i];
        if (command->memory) {
            memcpy(command->memory->data, command->data, command->bytes);
            continue;
        }
        for (size_t b = 0; b < sizeof builtins / sizeof builtins[0]; b++) {
            if (strcmp(builtins[b].name, command->kernel) == 0) {
                builtins[b].run(command->args, command->items);
            }
        }
    }
    control.pending -= (long)queue->count;
    queue->count = 0;
}

static cl_int fake_release_queue(cl_command_queue queue) {
    do_all(queue);
    control.live[FAKE_QUEUE]--;
    free(queue);
    return CL_SUCCESS;
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static cl_mem fake_create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *data,
                                 cl_int *error) {
    (void)context;
    (void)flags;
    FAIL_OBJECT;
    if (bytes == 0 || data || bytes > control.buffer_bytes) {
        control.misuse++;
        if (error) *error = CL_INVALID_BUFFER_SIZE;
        return NULL;
    }
    cl_mem memory = make(sizeof *memory, FAKE_MEMORY);
    memory->data = malloc(bytes);
    if (!memory->data) abort();
    memset(memory->data, 0xff, bytes); /* NaN */
    memory->bytes = bytes;
    return memory;
}

static cl_mem fake_create_sub_buffer(cl_mem whole, cl_mem_flags flags, cl_buffer_create_type type,
                                     const void *info, cl_int *error) {
    (void)flags;
    FAIL_OBJECT;
    const cl_buffer_region *region = info;
    if (type != CL_BUFFER_CREATE_TYPE_REGION || whole->whole || region->size == 0 ||
        region->origin % (control.align_bits / 8) != 0 || region->origin > whole->bytes ||
        region->size > whole->bytes - region->origin) {
        control.misuse++;
        if (error) *error = CL_INVALID_VALUE;
        return NULL;
    }
    cl_mem memory = make(sizeof *memory, FAKE_MEMORY);
    memory->whole = whole;
    memory->data = whole->data + region->origin;
    memory->bytes = region->size;
    return memory;
}

static cl_int fake_release_memory(cl_mem memory) {
    control.misuse += control.pending != 0;
    control.live[FAKE_MEMORY]--;
    if (!memory->whole) free(memory->data);
    free(memory);
    return CL_SUCCESS;
}

/* ---- programs ------------------------------------------------------------------------------------------ */

#define BINARY_MARK "FAKEBIN:"

static char *copy_text(const char *text, size_t bytes) {
    char *copy = calloc(1, bytes + 1);
    if (!copy) abort();
    return memcpy(copy, text, bytes);
}

static cl_program fake_create_program(cl_context context, cl_uint count, const char **texts,
                                      const size_t *lengths, cl_int *error) {
    (void)context;
    FAIL_OBJECT;
    control.misuse += count != 1;
    cl_program program = make(sizeof *program, FAKE_PROGRAM);
    program->source = copy_text(texts[0], lengths[0]);
    return program;
}

static cl_program fake_create_from_binary(cl_context context, cl_uint count,
                                          const cl_device_id *ids, const size_t *lengths,
                                          const unsigned char **binaries, cl_int *status,
                                          cl_int *error) {
    (void)context;
    (void)ids;
    FAIL_OBJECT;
    size_t mark = strlen(BINARY_MARK);
    control.misuse += count != 1;
    if (lengths[0] < mark || memcmp(binaries[0], BINARY_MARK, mark) != 0) {
        control.misuse++; /* the cache must not let it come this far */
        if (status) *status = CL_INVALID_BINARY;
        if (error) *error = CL_INVALID_BINARY;
        return NULL;
    }
    if (status) *status = CL_SUCCESS;
    cl_program program = make(sizeof *program, FAKE_PROGRAM);
    program->source = copy_text((const char *)binaries[0] + mark, lengths[0] - mark);
    program->is_binary = 1;
    return program;
}

static cl_int fake_build(cl_program program, cl_uint count, const cl_device_id *ids,
                         const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                         void *data) {
    (void)count;
    (void)ids;
    (void)options;
    (void)notify;
    (void)data;
    FAIL_STATUS;
    if (program->is_binary) {
        control.binary_builds++;
    } else {
        control.source_builds++;
    }
    if (strstr(program->source, "#error")) return CL_BUILD_PROGRAM_FAILURE;
    program->is_built = 1;
    return CL_SUCCESS;
}

static cl_int fake_program_info(cl_program program, cl_program_info what, size_t room, void *to,
                                size_t *needed) {
    FAIL_STATUS;
    size_t bytes = strlen(BINARY_MARK) + strlen(program->source);
    if (what == CL_PROGRAM_BINARY_SIZES) return answer(&bytes, sizeof bytes, room, to, needed);
    if (what != CL_PROGRAM_BINARIES) return CL_INVALID_VALUE;
    char *binary = *(char **)to;
    memcpy(binary, BINARY_MARK, strlen(BINARY_MARK));
    memcpy(binary + strlen(BINARY_MARK), program->source, strlen(program->source));
    return CL_SUCCESS;
}

static cl_int fake_build_info(cl_program program, cl_device_id id, cl_program_build_info what,
                              size_t room, void *to, size_t *needed) {
    (void)program;
    (void)id;
    FAIL_STATUS;
    if (what != CL_PROGRAM_BUILD_LOG) return CL_INVALID_VALUE;
    return answer_text("line 1: #error was met", room, to, needed);
}

static cl_int fake_release_program(cl_program program) {
    control.live[FAKE_PROGRAM]--;
    free(program->source);
    free(program);
    return CL_SUCCESS;
}

/* ---- kernels: objects ------------------------------------------------------------------------------------ */

static cl_kernel fake_create_kernel(cl_program program, const char *name, cl_int *error) {
    FAIL_OBJECT;
    control.misuse += !program->is_built;
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++) {
        if (strcmp(builtins[i].name, name) != 0 || !strstr(program->source, name)) continue;
        cl_kernel kernel = make(sizeof *kernel, FAKE_KERNEL);
        kernel->builtin = &builtins[i];
        return kernel;
    }
    if (error) *error = CL_INVALID_KERNEL_NAME;
    return NULL;
}

static cl_int fake_kernel_info(cl_kernel kernel, cl_kernel_info what, size_t room, void *to,
                               size_t *needed) {
    FAIL_STATUS;
    if (what != CL_KERNEL_NUM_ARGS) return CL_INVALID_VALUE;
    return answer(&kernel->builtin->args, sizeof(cl_uint), room, to, needed);
}

static cl_int fake_kernel_group_info(cl_kernel kernel, cl_device_id id,
                                     cl_kernel_work_group_info what, size_t room, void *to,
                                     size_t *needed) {
    (void)kernel;
    (void)id;
    FAIL_STATUS;
    if (what != CL_KERNEL_WORK_GROUP_SIZE) return CL_INVALID_VALUE;
    return answer(&control.kernel_items, sizeof(size_t), room, to, needed);
}

static cl_int fake_release_kernel(cl_kernel kernel) {
    control.live[FAKE_KERNEL]--;
    free(kernel);
    return CL_SUCCESS;
}

static cl_int fake_set_arg(cl_kernel kernel, cl_uint index, size_t bytes, const void *value) {
    FAIL_STATUS;
    if (index >= kernel->builtin->args) return CL_INVALID_ARG_INDEX;
    Arg *arg = &kernel->args[index];
    arg->bytes = bytes;
    if (index + 1 == kernel->builtin->args) {
        if (bytes != sizeof arg->integer) return CL_INVALID_ARG_SIZE;
        memcpy(&arg->integer, value, bytes);
    } else {
        if (bytes != sizeof arg->memory) return CL_INVALID_ARG_SIZE;
        memcpy(&arg->memory, value, bytes);
    }
    return CL_SUCCESS;
}

/* ---- commands ---------------------------------------------------------------------------------------------- */

static Command *enqueue(cl_command_queue queue) {
    if (queue->count == MAX_PENDING) do_all(queue);
    control.pending++;
    Command *command = &queue->commands[queue->count++];
    memset(command, 0, sizeof *command);
    return command;
}

static cl_int fake_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                          const size_t *offset, const size_t *global, const size_t *local,
                          cl_uint count, const cl_event *events, cl_event *event) {
    (void)count;
    (void)events;
    (void)event;
    FAIL_STATUS;
    for (cl_uint axis = 0; axis < dimensions; axis++) {
        if (!offset && global[axis] > 0 && global[axis] % local[axis] == 0) continue;
        control.misuse++;
        return CL_INVALID_WORK_GROUP_SIZE;
    }
    for (cl_uint i = 0; i < kernel->builtin->args; i++) {
        if (kernel->args[i].bytes == 0) return CL_INVALID_KERNEL_ARGS;
    }
    Command *command = enqueue(queue);
    command->kernel = kernel->builtin->name;
    command->items = global[0];
    memcpy(command->args, kernel->args, sizeof command->args);
    return CL_SUCCESS;
}

static cl_int fake_write(cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset,
                         size_t bytes, const void *data, cl_uint count, const cl_event *events,
                         cl_event *event) {
    (void)blocking;
    (void)count;
    (void)events;
    (void)event;
    FAIL_STATUS;
    if (offset != 0 || bytes == 0 || bytes > memory->bytes) {
        control.misuse++;
        return CL_INVALID_VALUE;
    }
    Command *command = enqueue(queue);
    command->memory = memory;
    command->data = data;
    command->bytes = bytes;
    return CL_SUCCESS;
}

static cl_int fake_read(cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset,
                        size_t bytes, void *data, cl_uint count, const cl_event *events,
                        cl_event *event) {
    (void)count;
    (void)events;
    (void)event;
    FAIL_STATUS;
    if (!blocking || offset != 0 || bytes == 0 || bytes > memory->bytes) {
        control.misuse++;
        return CL_INVALID_VALUE;
    }
    do_all(queue);
    memcpy(data, memory->data, bytes);
    return CL_SUCCESS;
}

static cl_int fake_finish(cl_command_queue queue) {
    if (fails(__func__)) {
        control.pending -= (long)queue->count; /* a lost device does nothing more */
        queue->count = 0;
        return control.error;
    }
    do_all(queue);
    return CL_SUCCESS;
}

/* ---- what the loader asks for -------------------------------------------------------------------------------- */

static void *extension_function(const char *name);

static const cl_icd_dispatch dispatch = {
    .clGetPlatformIDs = fake_platform_ids,
    .clGetPlatformInfo = fake_platform_info,
    .clGetDeviceIDs = fake_device_ids,
    .clGetDeviceInfo = fake_device_info,
    .clCreateContext = fake_create_context,
    .clReleaseContext = fake_release_context,
    .clCreateCommandQueue = fake_create_queue,
    .clReleaseCommandQueue = fake_release_queue,
    .clCreateBuffer = fake_create_buffer,
    .clCreateSubBuffer = fake_create_sub_buffer,
    .clReleaseMemObject = fake_release_memory,
    .clCreateProgramWithSource = fake_create_program,
    .clCreateProgramWithBinary = fake_create_from_binary,
    .clBuildProgram = fake_build,
    .clGetProgramInfo = fake_program_info,
    .clGetProgramBuildInfo = fake_build_info,
    .clReleaseProgram = fake_release_program,
    .clCreateKernel = fake_create_kernel,
    .clGetKernelInfo = fake_kernel_info,
    .clGetKernelWorkGroupInfo = fake_kernel_group_info,
    .clReleaseKernel = fake_release_kernel,
    .clSetKernelArg = fake_set_arg,
    .clEnqueueNDRangeKernel = fake_launch,
    .clEnqueueWriteBuffer = fake_write,
    .clEnqueueReadBuffer = fake_read,
    .clFinish = fake_finish,
    .clGetExtensionFunctionAddress = extension_function,
};

static void *extension_function(const char *name) {
    cl_int (*ids)(cl_uint, cl_platform_id *, cl_uint *) = fake_platform_ids;
    void *address = NULL;
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0) memcpy(&address, &ids, sizeof address);
    return address;
}

__attribute__((visibility("default"))) void *clGetExtensionFunctionAddress(const char *name) {
    return extension_function(name);
}

__attribute__((visibility("default"))) cl_int clGetPlatformInfo(cl_platform_id id,
                                                                cl_platform_info what, size_t room,
                                                                void *to, size_t *needed) {
    return fake_platform_info(id, what, room, to, needed);
}
