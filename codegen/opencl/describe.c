/* What plans may know of an OpenCL device, by the name that -device= gives. */
#define _GNU_SOURCE
#include "codegen/opencl/opencl.h"

#include <string.h>
#include <unistd.h>

/* A device whose work-items are threads of a processor gains nothing from local memory and all from
 * wide tiles in registers; a GPU the other way round. */
typedef struct Device {
    const char *name, *text;
    int vector_bits; /* 0: as wide as this machine's registers */
    bool has_groups; /* work-items of a group share local memory; vectors are of no use */
} Device;

static const Device devices[] = {
    {"pocl", "opencl pocl", 0, false},
    {"pocl-128", "opencl pocl, 128-bit vectors", 128, false},
    {"pocl-256", "opencl pocl, 256-bit vectors", 256, false},
    {"pocl-512", "opencl pocl, 512-bit vectors", 512, false},
    {"generic-gpu", "opencl generic-gpu", 0, true},
};

/* Vectors of OpenCL C have at most 16 lanes; no device we know of asks for more than 4096 bits
 * (CL_DEVICE_MEM_BASE_ADDR_ALIGN) between the places of two tensors. */
enum { MOST_LANES = 16, BUFFER_ALIGNMENT = 512 };
enum { TYPICAL_L1 = 32 << 10, TYPICAL_L2 = 1 << 20, TYPICAL_CORES = 8 };

static int host_vector_bits(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return 512;
    if (__builtin_cpu_supports("avx2")) return 256;
#endif
    return 128;
}

static int host_cores(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 && count < 4096 ? (int)count : 1;
}

static const Device *find_device(const TargetOptions *options, Diag *diag) {
    const char *name = options->device;
    if (!name && options->runs_here) name = opencl_description_here();
    if (!name) name = devices[0].name;
    StrBuf known = {0};
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        if (strcmp(devices[i].name, name) == 0) return &devices[i];
    }
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        str_printf(&known, "%s%s", i ? ", " : "", devices[i].name);
    }
    diag_error(diag, (Span){0}, "-device: no OpenCL device is described by '%s'; there are: %s",
               name, str_text(&known));
    str_free(&known);
    return NULL;
}

/* What every GPU of the last ten years has; OpenCL promises 32 KiB of local memory. */
static TargetDesc gpu(const char *text) {
    enum { CORES = 64, GROUP = 256, WIDTH = 32, REGISTERS = 128, LOAD_BITS = 128 };
    return (TargetDesc){.name = text,
                        .fma = true,
                        .fma_ports = 1,
                        .l1_bytes = TYPICAL_L1,
                        .l2_bytes = TYPICAL_L2,
                        .cores = CORES,
                        .group_items = GROUP,
                        .group_width = WIDTH,
                        .item_registers = REGISTERS,
                        .load_bits = LOAD_BITS,
                        .local_bytes = TYPICAL_L1,
                        .buffer_alignment = BUFFER_ALIGNMENT};
}

bool opencl_describe(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag) {
    (void)arena;
    const Device *device = find_device(options, diag);
    if (!device) return false;
    if (device->has_groups) {
        *desc = gpu(device->text);
        return true;
    }
    int bits = device->vector_bits ? device->vector_bits : host_vector_bits();
    *desc = (TargetDesc){
        .name = device->text,
        .vector_bits = bits,
        .most_lanes = MOST_LANES,
        .vector_registers = bits == 512 ? 32 : 16,
        .broadcast_operand = bits == 512,
        .fma = bits > 128,
        .fma_ports = 2,
        .l1_bytes = TYPICAL_L1,
        .l2_bytes = TYPICAL_L2,
        .cores = device->vector_bits ? TYPICAL_CORES : host_cores(),
        .buffer_alignment = BUFFER_ALIGNMENT,
    };
    return true;
}
