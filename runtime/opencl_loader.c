#define _GNU_SOURCE
#include "opencl_loader.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define ROW(name) {"cl" #name, offsetof(nn_opencl_api, name)},
    NN_OPENCL_FUNCTIONS(ROW)
#undef ROW
};

nn_status nn_opencl_load(nn_opencl_api *api, nn_report *report) {
    /* Drivers keep threads and state that do not survive unmapping. */
    api->library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!api->library) {
        const char *reason = dlerror();
        return nn_fail(report, NN_UNSUPPORTED,
                       "the OpenCL loader cannot be opened (%s): install ocl-icd-libopencl1 and a "
                       "driver, for example pocl-opencl-icd",
                       reason ? reason : "no reason is known");
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(api->library, functions[i].name);
        if (!function) {
            return nn_fail(report, NN_UNSUPPORTED,
                           "libOpenCL.so.1 lacks %s: install an OpenCL loader of version 1.2 or "
                           "later, for example ocl-icd-libopencl1",
                           functions[i].name);
        }
        memcpy((char *)api + functions[i].offset, &function, sizeof function);
    }
    return NN_OK;
}

void nn_opencl_unload(nn_opencl_api *api) {
    if (api->library) dlclose(api->library);
    api->library = NULL;
}

/* ---- errors --------------------------------------------------------------------------------- */

#define PLATFORM_NOT_FOUND (-1001) /* CL_PLATFORM_NOT_FOUND_KHR */

static const struct {
    cl_int error;
    nn_status status;
    const char *name;
} errors[] = {
#define ERROR(name, status) {CL_##name, status, "CL_" #name}
    {PLATFORM_NOT_FOUND, NN_UNSUPPORTED, "CL_PLATFORM_NOT_FOUND_KHR"},
    ERROR(DEVICE_NOT_FOUND, NN_UNSUPPORTED),
    ERROR(DEVICE_NOT_AVAILABLE, NN_DEVICE),
    ERROR(COMPILER_NOT_AVAILABLE, NN_UNSUPPORTED),
    ERROR(MEM_OBJECT_ALLOCATION_FAILURE, NN_NO_MEMORY),
    ERROR(OUT_OF_RESOURCES, NN_DEVICE),
    ERROR(OUT_OF_HOST_MEMORY, NN_NO_MEMORY),
    ERROR(BUILD_PROGRAM_FAILURE, NN_DEVICE),
    ERROR(MISALIGNED_SUB_BUFFER_OFFSET, NN_UNSUPPORTED),
    ERROR(EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, NN_DEVICE),
    ERROR(INVALID_VALUE, NN_DEVICE),
    ERROR(INVALID_PLATFORM, NN_DEVICE),
    ERROR(INVALID_DEVICE, NN_DEVICE),
    ERROR(INVALID_CONTEXT, NN_DEVICE),
    ERROR(INVALID_COMMAND_QUEUE, NN_DEVICE),
    ERROR(INVALID_MEM_OBJECT, NN_DEVICE),
    ERROR(INVALID_BINARY, NN_DEVICE),
    ERROR(INVALID_BUILD_OPTIONS, NN_DEVICE),
    ERROR(INVALID_PROGRAM, NN_DEVICE),
    ERROR(INVALID_PROGRAM_EXECUTABLE, NN_DEVICE),
    ERROR(INVALID_KERNEL_NAME, NN_MISMATCH),
    ERROR(INVALID_KERNEL, NN_DEVICE),
    ERROR(INVALID_ARG_INDEX, NN_MISMATCH),
    ERROR(INVALID_ARG_VALUE, NN_MISMATCH),
    ERROR(INVALID_ARG_SIZE, NN_MISMATCH),
    ERROR(INVALID_KERNEL_ARGS, NN_MISMATCH),
    ERROR(INVALID_WORK_DIMENSION, NN_DEVICE),
    ERROR(INVALID_WORK_GROUP_SIZE, NN_UNSUPPORTED),
    ERROR(INVALID_WORK_ITEM_SIZE, NN_UNSUPPORTED),
    ERROR(INVALID_OPERATION, NN_DEVICE),
    ERROR(INVALID_BUFFER_SIZE, NN_NO_MEMORY),
    ERROR(INVALID_GLOBAL_WORK_SIZE, NN_DEVICE),
#undef ERROR
};

const char *nn_opencl_error_name(cl_int error) {
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].error == error) return errors[i].name;
    }
    return "an error that OpenCL 1.2 does not know";
}

nn_status nn_opencl_fail(nn_report *report, cl_int error, const char *what) {
    nn_status status = NN_DEVICE;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].error == error) status = errors[i].status;
    }
    const char *hint =
        error == CL_DEVICE_NOT_AVAILABLE ? "; the device was lost or is used by someone else" : "";
    return nn_fail(report, status, "OpenCL: %s: %s (%d)%s", what, nn_opencl_error_name(error),
                   (int)error, hint);
}
