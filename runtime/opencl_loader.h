/* The OpenCL ICD loader, opened at run time: a program starts without it, and says what is missing.
 */
#ifndef NN_OPENCL_LOADER_H
#define NN_OPENCL_LOADER_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl_icd.h>

#include "device.h"

/* Entry points of OpenCL 1.2 that we use. */
#define NN_OPENCL_FUNCTIONS(ROW)                                                                   \
    ROW(GetPlatformIDs)                                                                            \
    ROW(GetPlatformInfo)                                                                           \
    ROW(GetDeviceIDs)                                                                              \
    ROW(GetDeviceInfo)                                                                             \
    ROW(CreateContext)                                                                             \
    ROW(ReleaseContext)                                                                            \
    ROW(CreateCommandQueue)                                                                        \
    ROW(ReleaseCommandQueue)                                                                       \
    ROW(CreateBuffer)                                                                              \
    ROW(CreateSubBuffer)                                                                           \
    ROW(ReleaseMemObject)                                                                          \
    ROW(CreateProgramWithSource)                                                                   \
    ROW(CreateProgramWithBinary)                                                                   \
    ROW(BuildProgram)                                                                              \
    ROW(GetProgramInfo)                                                                            \
    ROW(GetProgramBuildInfo)                                                                       \
    ROW(ReleaseProgram)                                                                            \
    ROW(CreateKernel)                                                                              \
    ROW(GetKernelInfo)                                                                             \
    ROW(GetKernelWorkGroupInfo)                                                                    \
    ROW(ReleaseKernel)                                                                             \
    ROW(SetKernelArg)                                                                              \
    ROW(EnqueueNDRangeKernel)                                                                      \
    ROW(EnqueueWriteBuffer)                                                                        \
    ROW(EnqueueReadBuffer)                                                                         \
    ROW(Finish)

typedef struct nn_opencl_api {
    void *library;
#define ROW(name) cl_api_cl##name name;
    NN_OPENCL_FUNCTIONS(ROW)
#undef ROW
} nn_opencl_api;

/* NN_UNSUPPORTED with what to install. */
nn_status nn_opencl_load(nn_opencl_api *api, nn_report *report);
void nn_opencl_unload(nn_opencl_api *api);

/* The name of an OpenCL error code, as the specification spells it. */
const char *nn_opencl_error_name(cl_int error);

/* Reports a failed call: what was tried, the code's name; the status is the code's. */
nn_status nn_opencl_fail(nn_report *report, cl_int error, const char *what);

/* ---- devices -------------------------------------------------------------------------------- */

enum { NN_OPENCL_MAX_PLATFORMS = 16, NN_OPENCL_MAX_DEVICES = 64 };

typedef struct nn_opencl_device {
    cl_platform_id platform;
    cl_device_id device;
    nn_device about;
} nn_opencl_device;

/* The device that the choice asks for (null: the first GPU, else the first). A device or platform
 * that cannot even be asked is passed over; NN_UNSUPPORTED where none is left. */
nn_status nn_opencl_choose(const nn_opencl_api *api, const nn_device *choice,
                           nn_opencl_device *device, nn_report *report);

#endif
