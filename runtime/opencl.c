/* Launch plans on OpenCL devices. */
#include "opencl.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(nn_opencl) <= NN_BACKEND_STATE_BYTES, "");

static nn_status open_device(void *state, const nn_options *options, nn_device *device,
                             nn_report *report) {
    nn_opencl *cl = state;
    nn_status status = nn_opencl_load(&cl->api, report);
    if (status == NN_OK) {
        status = nn_opencl_choose(&cl->api, options->device, &cl->device, report);
    }
    if (status != NN_OK) return status;
    *device = cl->device.about;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)cl->device.platform, 0};
    cl_int error = CL_SUCCESS;
    cl->context = cl->api.CreateContext(properties, 1, &cl->device.device, NULL, NULL, &error);
    if (!cl->context) return nn_opencl_fail(report, error, "the context cannot be created");
    cl->queue = cl->api.CreateCommandQueue(cl->context, cl->device.device, 0, &error);
    if (!cl->queue) return nn_opencl_fail(report, error, "the command queue cannot be created");
    return NN_OK;
}

static void close_device(void *state) {
    nn_opencl *cl = state;
    if (cl->program) cl->api.ReleaseProgram(cl->program);
    if (cl->queue) cl->api.ReleaseCommandQueue(cl->queue);
    if (cl->context) cl->api.ReleaseContext(cl->context);
    nn_opencl_unload(&cl->api);
    memset(cl, 0, sizeof *cl);
}

static nn_status compile(void *state, const nn_plan *plan, nn_report *report) {
    return nn_opencl_build(state, plan, report);
}

/* ---- buffers -------------------------------------------------------------------------------- */

static nn_status make_buffer(void *state, size_t bytes, nn_handle *buffer, nn_report *report) {
    nn_opencl *cl = state;
    cl_int error = CL_SUCCESS;
    cl_mem memory = cl->api.CreateBuffer(cl->context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    *buffer = (nn_handle)memory;
    if (memory) return NN_OK;
    if (error == CL_OUT_OF_RESOURCES) error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    char what[80];
    snprintf(what, sizeof what, "a buffer of %zu bytes cannot be created", bytes);
    return nn_opencl_fail(report, error, what);
}

static nn_status make_part(void *state, nn_handle whole, size_t offset, size_t bytes,
                           nn_handle *buffer, nn_report *report) {
    nn_opencl *cl = state;
    cl_buffer_region region = {offset, bytes};
    cl_int error = CL_SUCCESS;
    cl_mem memory = cl->api.CreateSubBuffer((cl_mem)whole, CL_MEM_READ_WRITE,
                                            CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
    *buffer = (nn_handle)memory;
    return memory ? NN_OK : nn_opencl_fail(report, error, "a part of a buffer cannot be created");
}

static void release_buffer(void *state, nn_handle buffer) {
    nn_opencl *cl = state;
    cl->api.ReleaseMemObject((cl_mem)buffer);
}

/* ---- kernels -------------------------------------------------------------------------------- */

static nn_status check_kernel(nn_opencl *cl, cl_kernel kernel, const nn_plan_launch *launch,
                              nn_report *report) {
    cl_uint arguments = 0;
    size_t most = 0, items = 1;
    cl_int error =
        cl->api.GetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof arguments, &arguments, NULL);
    if (error != CL_SUCCESS) return nn_opencl_fail(report, error, launch->kernel);
    if (arguments != launch->buffer_count + launch->symbol_count) {
        return nn_fail(report, NN_MISMATCH,
                       "the launch plan is refused: kernel %s takes %u arguments, not %u",
                       launch->kernel, arguments, launch->buffer_count + launch->symbol_count);
    }
    error = cl->api.GetKernelWorkGroupInfo(kernel, cl->device.device, CL_KERNEL_WORK_GROUP_SIZE,
                                           sizeof most, &most, NULL);
    if (error != CL_SUCCESS) return nn_opencl_fail(report, error, launch->kernel);
    for (uint32_t axis = 0; axis < launch->dimensions; axis++) items *= launch->items[axis];
    if (items <= most) return NN_OK;
    return nn_fail(report, NN_UNSUPPORTED,
                   "%s: kernel %s has %zu work-items in a group, and %s runs it with %zu at most: "
                   "compile the network for this device",
                   launch->path, launch->kernel, items, cl->device.about.name, most);
}

static nn_status make_kernel(void *state, const nn_plan_launch *launch, nn_handle *handle,
                             nn_report *report) {
    nn_opencl *cl = state;
    cl_int error = CL_SUCCESS;
    cl_kernel kernel = cl->api.CreateKernel(cl->program, launch->kernel, &error);
    if (!kernel) {
        char what[320];
        snprintf(what, sizeof what, "kernel %s cannot be created", launch->kernel);
        return nn_opencl_fail(report, error, what);
    }
    nn_status status = check_kernel(cl, kernel, launch, report);
    if (status != NN_OK) {
        cl->api.ReleaseKernel(kernel);
        return status;
    }
    *handle = (nn_handle)kernel;
    return NN_OK;
}

static void release_kernel(void *state, nn_handle kernel) {
    nn_opencl *cl = state;
    cl->api.ReleaseKernel((cl_kernel)kernel);
}

static nn_status set_argument(nn_opencl *cl, nn_handle kernel, uint32_t index, size_t bytes,
                              const void *value, nn_report *report) {
    cl_int error = cl->api.SetKernelArg((cl_kernel)kernel, index, bytes, value);
    return error == CL_SUCCESS ? NN_OK : nn_opencl_fail(report, error, "an argument cannot be set");
}

static nn_status set_buffer(void *state, nn_handle kernel, uint32_t index, nn_handle buffer,
                            nn_report *report) {
    cl_mem memory = (cl_mem)buffer;
    return set_argument(state, kernel, index, sizeof memory, &memory, report);
}

static nn_status set_integer(void *state, nn_handle kernel, uint32_t index, int64_t value,
                             nn_report *report) {
    cl_long integer = value;
    return set_argument(state, kernel, index, sizeof integer, &integer, report);
}

/* ---- work ----------------------------------------------------------------------------------- */

static nn_status launch_kernel(void *state, nn_handle kernel, const nn_plan_launch *launch,
                               const size_t groups[3], nn_report *report) {
    nn_opencl *cl = state;
    size_t global[3] = {1, 1, 1}, local[3] = {1, 1, 1};
    for (uint32_t axis = 0; axis < launch->dimensions; axis++) {
        local[axis] = launch->items[axis];
        global[axis] = groups[axis] * local[axis];
    }
    cl_int error = cl->api.EnqueueNDRangeKernel(cl->queue, (cl_kernel)kernel, launch->dimensions,
                                                NULL, global, local, 0, NULL, NULL);
    if (error == CL_SUCCESS) return NN_OK;
    char what[512];
    snprintf(what, sizeof what, "%.200s: kernel %s cannot be launched", launch->path,
             launch->kernel);
    return nn_opencl_fail(report, error, what);
}

static nn_status write_buffer(void *state, nn_handle buffer, const void *data, size_t bytes,
                              nn_report *report) {
    nn_opencl *cl = state;
    cl_int error = cl->api.EnqueueWriteBuffer(cl->queue, (cl_mem)buffer, CL_FALSE, 0, bytes, data,
                                              0, NULL, NULL);
    return error == CL_SUCCESS ? NN_OK
                               : nn_opencl_fail(report, error, "a buffer cannot be written");
}

static nn_status read_buffer(void *state, nn_handle buffer, void *data, size_t bytes,
                             nn_report *report) {
    nn_opencl *cl = state;
    cl_int error = cl->api.EnqueueReadBuffer(cl->queue, (cl_mem)buffer, CL_TRUE, 0, bytes, data, 0,
                                             NULL, NULL);
    return error == CL_SUCCESS ? NN_OK : nn_opencl_fail(report, error, "a buffer cannot be read");
}

static nn_status finish(void *state, nn_report *report) {
    nn_opencl *cl = state;
    cl_int error = cl->api.Finish(cl->queue);
    return error == CL_SUCCESS ? NN_OK : nn_opencl_fail(report, error, "the device did not finish");
}

const nn_backend nn_opencl_backend = {
    .language = "opencl-c",
    .state_bytes = sizeof(nn_opencl),
    .open = open_device,
    .compile = compile,
    .buffer = make_buffer,
    .part = make_part,
    .release_buffer = release_buffer,
    .kernel = make_kernel,
    .release_kernel = release_kernel,
    .set_buffer = set_buffer,
    .set_integer = set_integer,
    .launch = launch_kernel,
    .write = write_buffer,
    .read = read_buffer,
    .finish = finish,
    .close = close_device,
};
