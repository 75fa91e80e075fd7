/* Private to the hls target: the folder, and the part it is for. */
#ifndef NNC_CODEGEN_HLS_PACKAGE_H
#define NNC_CODEGEN_HLS_PACKAGE_H

#include "codegen/hls/design.h"

typedef struct HlsPart {
    const char *name, *vitis; /* as -device says it; as Vivado does */
    const char *clock;        /* period in ns */
} HlsPart;

void hls_add_package(const HlsDesign *design, const HlsPart *part, const TargetDesc *desc,
                     const TargetOptions *options, const char *folder, Artifacts *artifacts);

#endif
