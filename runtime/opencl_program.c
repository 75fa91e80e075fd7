/* Programs: compiled from source by the driver, or taken from the cache on disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "opencl.h"
#include "program_cache.h"

static cl_int build(nn_opencl *cl, const char *options) {
    return cl->api.BuildProgram(cl->program, 1, &cl->device.device, options, NULL, NULL);
}

static void drop(nn_opencl *cl) {
    if (cl->program) cl->api.ReleaseProgram(cl->program);
    cl->program = NULL;
}

/* ---- the cache ------------------------------------------------------------------------------ */

enum { KEY_BYTES = 2048 };

/* Options may be longer than the text holds; their hash is in the source's. */
static nn_cache_key make_key(const nn_opencl *cl, const nn_plan *plan, char text[KEY_BYTES]) {
    const nn_device *about = &cl->device.about;
    snprintf(text, KEY_BYTES, "%s\n%s\n%s\n%s\n%zu\n%.1024s\n", about->platform, about->name,
             about->version, about->driver, plan->source_bytes, plan->options);
    uint64_t second = nn_hash_bytes(~NN_HASH_START, plan->source, plan->source_bytes);
    return (nn_cache_key){
        text, {nn_plan_source_hash(plan->source, plan->source_bytes, plan->options), second}};
}

/* Whatever goes wrong here, the source is compiled instead. */
static int build_from_cache(nn_opencl *cl, const nn_plan *plan, const nn_cache_key *key) {
    size_t bytes;
    unsigned char *data = nn_cache_read(key, &bytes);
    if (!data) return 0;
    cl_int error = CL_SUCCESS, status = CL_SUCCESS;
    cl->program =
        cl->api.CreateProgramWithBinary(cl->context, 1, &cl->device.device, &bytes,
                                        (const unsigned char **)(void *)&data, &status, &error);
    free(data);
    if (cl->program && status == CL_SUCCESS && build(cl, plan->options) == CL_SUCCESS) return 1;
    drop(cl);
    return 0;
}

static void store(nn_opencl *cl, const nn_cache_key *key) {
    size_t bytes = 0;
    enum { MAX_BINARY = 256 << 20 };
    if (cl->api.GetProgramInfo(cl->program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL) !=
            CL_SUCCESS ||
        bytes == 0 || bytes > MAX_BINARY) {
        return;
    }
    unsigned char *data = malloc(bytes);
    if (!data) return;
    if (cl->api.GetProgramInfo(cl->program, CL_PROGRAM_BINARIES, sizeof data, &data, NULL) ==
        CL_SUCCESS) {
        nn_cache_write(key, data, bytes);
    }
    free(data);
}

/* ---- the compiler --------------------------------------------------------------------------- */

/* The beginning of the log, where the first fault stands. */
static nn_status report_build(nn_opencl *cl, cl_int error, nn_report *report) {
    size_t bytes = 0;
    char *log = NULL;
    cl_program_build_info what = CL_PROGRAM_BUILD_LOG;
    cl_device_id device = cl->device.device;
    enum { MAX_LOG = 1 << 24 };
    if (cl->api.GetProgramBuildInfo(cl->program, device, what, 0, NULL, &bytes) == CL_SUCCESS &&
        bytes > 1 && bytes < MAX_LOG) {
        log = calloc(1, bytes + 1);
    }
    if (log &&
        cl->api.GetProgramBuildInfo(cl->program, device, what, bytes, log, NULL) != CL_SUCCESS) {
        *log = 0;
    }
    nn_status status = nn_opencl_fail(report, error, "the kernels cannot be compiled");
    nn_fail(report, status, "OpenCL: %s cannot compile the kernels: %s (%d)%s%s",
            cl->device.about.name, nn_opencl_error_name(error), (int)error,
            log && *log ? "; its compiler says:\n" : "", log ? log : "");
    free(log);
    return status;
}

static nn_status build_from_source(nn_opencl *cl, const nn_plan *plan, nn_report *report) {
    cl_int error = CL_SUCCESS;
    const char *source = plan->source;
    cl->program =
        cl->api.CreateProgramWithSource(cl->context, 1, &source, &plan->source_bytes, &error);
    if (!cl->program) return nn_opencl_fail(report, error, "the program cannot be created");
    error = build(cl, plan->options);
    if (error == CL_SUCCESS) return NN_OK;
    nn_status status = report_build(cl, error, report);
    drop(cl);
    return status;
}

nn_status nn_opencl_build(nn_opencl *cl, const nn_plan *plan, nn_report *report) {
    char text[KEY_BYTES];
    if (!nn_cache_is_on()) return build_from_source(cl, plan, report);
    nn_cache_key key = make_key(cl, plan, text);
    if (build_from_cache(cl, plan, &key)) return NN_OK;
    nn_status status = build_from_source(cl, plan, report);
    if (status == NN_OK) store(cl, &key);
    return status;
}
