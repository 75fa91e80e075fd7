/* What OpenCL offers on this machine, and which of it is used. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "opencl_loader.h"

/* ---- one device ----------------------------------------------------------------------------- */

/* Text of a device or platform, cut to size, free of control characters. */
static void keep_text(char *to, size_t size, const char *from) {
    size_t length = 0;
    while (*from == ' ') from++;
    while (*from && length + 1 < size) {
        to[length++] = (unsigned char)*from < ' ' ? ' ' : *from;
        from++;
    }
    while (length && to[length - 1] == ' ') length--;
    to[length] = 0;
}

static cl_int ask_text(const nn_opencl_api *api, cl_device_id device, cl_device_info what, char *to,
                       size_t size) {
    char text[1024] = "";
    cl_int error = api->GetDeviceInfo(device, what, sizeof text - 1, text, NULL);
    if (error == CL_SUCCESS) keep_text(to, size, text);
    return error;
}

/* Everything about a device in one table: what to ask for, and where it goes. */
typedef struct Facts {
    cl_device_type type;
    cl_device_local_mem_type local_type;
    cl_bool available, has_compiler;
    cl_uint units, align_bits;
    cl_ulong global, buffer, local;
    size_t group, axes[8]; /* 3 at least */
} Facts;

static cl_int ask_facts(const nn_opencl_api *api, cl_device_id device, Facts *facts) {
    const struct {
        cl_device_info what;
        size_t size;
        void *to;
    } rows[] = {
        {CL_DEVICE_TYPE, sizeof facts->type, &facts->type},
        {CL_DEVICE_LOCAL_MEM_TYPE, sizeof facts->local_type, &facts->local_type},
        {CL_DEVICE_AVAILABLE, sizeof facts->available, &facts->available},
        {CL_DEVICE_COMPILER_AVAILABLE, sizeof facts->has_compiler, &facts->has_compiler},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof facts->units, &facts->units},
        {CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof facts->align_bits, &facts->align_bits},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof facts->global, &facts->global},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof facts->buffer, &facts->buffer},
        {CL_DEVICE_LOCAL_MEM_SIZE, sizeof facts->local, &facts->local},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof facts->group, &facts->group},
        {CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof facts->axes, facts->axes},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cl_int error = api->GetDeviceInfo(device, rows[i].what, rows[i].size, rows[i].to, NULL);
        if (error != CL_SUCCESS) return error;
    }
    return CL_SUCCESS;
}

static cl_int ask_names(const nn_opencl_api *api, nn_opencl_device *found) {
    char text[1024] = "";
    nn_device *about = &found->about;
    cl_int error =
        api->GetPlatformInfo(found->platform, CL_PLATFORM_NAME, sizeof text - 1, text, NULL);
    if (error != CL_SUCCESS) return error;
    keep_text(about->platform, sizeof about->platform, text);
    error = ask_text(api, found->device, CL_DEVICE_NAME, about->name, sizeof about->name);
    if (error != CL_SUCCESS) return error;
    error = ask_text(api, found->device, CL_DEVICE_VERSION, about->version, sizeof about->version);
    if (error != CL_SUCCESS) return error;
    return ask_text(api, found->device, CL_DRIVER_VERSION, about->driver, sizeof about->driver);
}

static cl_int describe(const nn_opencl_api *api, nn_opencl_device *found) {
    Facts facts = {0};
    nn_device *about = &found->about;
    memset(about, 0, sizeof *about);
    about->struct_bytes = sizeof *about;
    cl_int error = ask_names(api, found);
    if (error == CL_SUCCESS) error = ask_facts(api, found->device, &facts);
    if (error != CL_SUCCESS) return error;
    if (!facts.available) return CL_DEVICE_NOT_AVAILABLE;
    if (!facts.has_compiler) return CL_COMPILER_NOT_AVAILABLE;
    about->is_gpu = (facts.type & CL_DEVICE_TYPE_GPU) != 0;
    about->has_local_memory = facts.local_type == CL_LOCAL;
    about->compute_units = facts.units;
    about->global_bytes = facts.global;
    about->buffer_bytes = facts.buffer;
    about->local_bytes = facts.local;
    about->alignment = facts.align_bits > 8 ? facts.align_bits / 8 : 1;
    about->group_items = facts.group;
    for (int axis = 0; axis < 3; axis++) about->axis_items[axis] = facts.axes[axis];
    return CL_SUCCESS;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Called for each device in the machine's order; nonzero ends the search. */
typedef int Visit(void *data, const nn_opencl_device *found);

static cl_uint at_most(cl_uint count, cl_uint limit) {
    return count < limit ? count : limit;
}

/* Visits devices until one ends it; the error of what could not be asked, or CL_SUCCESS. */
static cl_int visit_platform(const nn_opencl_api *api, cl_platform_id platform, int32_t *index,
                             Visit *visit, void *data, int *ended) {
    cl_device_id devices[NN_OPENCL_MAX_DEVICES];
    cl_uint count = 0;
    cl_int fault =
        api->GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, NN_OPENCL_MAX_DEVICES, devices, &count);
    if (fault != CL_SUCCESS) return fault == CL_DEVICE_NOT_FOUND ? CL_SUCCESS : fault;
    count = at_most(count, NN_OPENCL_MAX_DEVICES);
    for (cl_uint i = 0; i < count && !*ended && *index < NN_OPENCL_MAX_DEVICES; i++) {
        nn_opencl_device found = {.platform = platform, .device = devices[i]};
        cl_int error = describe(api, &found);
        if (error != CL_SUCCESS) {
            fault = error;
            continue;
        }
        found.about.index = (*index)++;
        *ended = visit(data, &found);
    }
    return fault;
}

static cl_int visit_all(const nn_opencl_api *api, Visit *visit, void *data) {
    cl_platform_id platforms[NN_OPENCL_MAX_PLATFORMS];
    cl_uint count = 0;
    cl_int fault = api->GetPlatformIDs(NN_OPENCL_MAX_PLATFORMS, platforms, &count);
    if (fault != CL_SUCCESS) return fault;
    count = at_most(count, NN_OPENCL_MAX_PLATFORMS);
    if (count == 0) return CL_DEVICE_NOT_FOUND;
    int32_t index = 0;
    int ended = 0;
    for (cl_uint i = 0; i < count && !ended; i++) {
        cl_int error = visit_platform(api, platforms[i], &index, visit, data, &ended);
        if (error != CL_SUCCESS) fault = error;
    }
    if (index > 0) return CL_SUCCESS;
    return fault != CL_SUCCESS ? fault : CL_DEVICE_NOT_FOUND;
}

static nn_status none_found(cl_int error, nn_report *report) {
    if (error == CL_DEVICE_NOT_FOUND || error == -1001) {
        return nn_fail(report, NN_UNSUPPORTED,
                       "no OpenCL device was found: install a driver, for example "
                       "pocl-opencl-icd, which runs on any processor");
    }
    return nn_opencl_fail(report, error, "no device can be used");
}

/* ---- choosing ------------------------------------------------------------------------------- */

typedef struct Choice {
    const nn_device *wanted; /* null: a GPU, else the first */
    nn_opencl_device *chosen;
    int is_chosen;
} Choice;

static int contains(const char *text, const char *part) {
    size_t length = strlen(part);
    for (; strlen(text) >= length; text++) {
        if (strncasecmp(text, part, length) == 0) return 1;
        if (!*text) break;
    }
    return 0;
}

static int consider(void *data, const nn_opencl_device *found) {
    Choice *choice = data;
    const nn_device *wanted = choice->wanted, *about = &found->about;
    if (!wanted) {
        if (choice->is_chosen && !about->is_gpu) return 0;
        *choice->chosen = *found;
        choice->is_chosen = 1;
        return about->is_gpu;
    }
    if (wanted->index >= 0 && wanted->index != about->index) return 0;
    if (!contains(about->name, wanted->name) && !contains(about->platform, wanted->name)) return 0;
    *choice->chosen = *found;
    choice->is_chosen = 1;
    return 1;
}

nn_status nn_opencl_choose(const nn_opencl_api *api, const nn_device *choice,
                           nn_opencl_device *device, nn_report *report) {
    Choice search = {.wanted = choice, .chosen = device};
    if (choice &&
        (choice->struct_bytes < sizeof *choice || !memchr(choice->name, 0, sizeof choice->name))) {
        return nn_fail(report, NN_INVALID, "options: device is no nn_device");
    }
    cl_int error = visit_all(api, consider, &search);
    if (error != CL_SUCCESS) return none_found(error, report);
    if (search.is_chosen) return NN_OK;
    char place[32] = "";
    if (choice->index >= 0) snprintf(place, sizeof place, " at position %d", (int)choice->index);
    return nn_fail(report, NN_UNSUPPORTED,
                   "no OpenCL device%s has '%s' in its name: nn_opencl_devices lists them", place,
                   choice->name);
}

/* ---- listing -------------------------------------------------------------------------------- */

typedef struct List {
    nn_device *devices;
    size_t capacity, count;
} List;

static int add_to_list(void *data, const nn_opencl_device *found) {
    List *list = data;
    if (list->count < list->capacity) list->devices[list->count] = found->about;
    list->count++;
    return 0;
}

nn_status nn_opencl_devices(nn_device *devices, size_t capacity, size_t *count,
                            const char **reason) {
    char text[512];
    nn_report report = {text, sizeof text};
    nn_opencl_api api = {0};
    List list = {devices, devices ? capacity : 0, 0};
    const char *static_reason = "";
    if (!count) return NN_INVALID;
    nn_status status = nn_opencl_load(&api, &report);
    if (status != NN_OK) {
        static_reason = "libOpenCL.so.1 cannot be used: install ocl-icd-libopencl1 and a driver, "
                        "for example pocl-opencl-icd";
    } else {
        cl_int error = visit_all(&api, add_to_list, &list);
        if (error != CL_SUCCESS) {
            status = none_found(error, &report);
            static_reason = status == NN_UNSUPPORTED
                                ? "no OpenCL device was found: install a driver, for example "
                                  "pocl-opencl-icd, which runs on any processor"
                                : nn_opencl_error_name(error);
        }
    }
    nn_opencl_unload(&api);
    *count = list.count;
    if (reason) *reason = static_reason;
    return status;
}
