/* Private to the opencl target: OpenCL C and the launch plan that runs it. */
#ifndef NNC_CODEGEN_OPENCL_OPENCL_H
#define NNC_CODEGEN_OPENCL_OPENCL_H

#include "codegen/abi/abi.h"
#include "codegen/c/print.h"
#include "nn/plan.h"

extern const CDialect opencl_dialect;

/* What OpenCL C keeps for itself: names must avoid these. Ends with null. */
extern const char *const opencl_words[];

/* Everything that is handed over, in memory of the arena. */
typedef struct OpenclNetwork {
    CSource source;
    nn_plan plan;               /* without weights */
    nn_network network;         /* without functions */
    const size_t *launch_calls; /* the program's call that each launch is part of */
} OpenclNetwork;

bool opencl_describe(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag);
bool opencl_probe(StrBuf *line);
/* What a device is described by unless -device= says it. */
const char *opencl_description_of(const nn_device *device);
/* That of the device which contexts choose here; null: there is none. */
const char *opencl_description_here(void);
void opencl_build(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                  Arena *arena, OpenclNetwork *network);
/* The C file with the plan as data and the network's functions; weights_file: name to bring in,
 * null: none. */
void opencl_print_c(const LProgram *program, const TargetOptions *options,
                    const OpenclNetwork *network, const char *header, const char *weights_file,
                    StrBuf *out);
bool opencl_load(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 LoadedNetwork *loaded, Diag *diag);

#endif
