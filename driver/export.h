/* Networks as ONNX models. */
#ifndef NNC_DRIVER_EXPORT_H
#define NNC_DRIVER_EXPORT_H

#include "driver/pipeline.h"

/* Loads the network and writes it as it stands, before any pass, to the output path; default: the
 * source's name with .onnx. Tensors that do not fit, or with -weights-out=external, go to a file
 * beside it. */
bool export_onnx(Compilation *c);

#endif
