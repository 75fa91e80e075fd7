/* State of the OpenCL backend: a device, a context and an in-order queue for each nn_context. */
#ifndef NN_OPENCL_H
#define NN_OPENCL_H

#include "opencl_loader.h"

typedef struct nn_opencl {
    nn_opencl_api api;
    nn_opencl_device device;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
} nn_opencl;

/* Builds the program, from the cache on disk where it is there; cl->program is null where that
 * fails. */
nn_status nn_opencl_build(nn_opencl *cl, const nn_plan *plan, nn_report *report);

#endif
