/* Private to the hls target: the folder, and the part it is for. */
#ifndef NNC_CODEGEN_HLS_PACKAGE_H
#define NNC_CODEGEN_HLS_PACKAGE_H

#include "codegen/hls/design.h"
#include "codegen/hls/part.h"

void hls_add_package(const HlsDesign *design, const HlsPart *part, const TargetDesc *desc,
                     const TargetOptions *options, const char *folder, Artifacts *artifacts);

#endif
