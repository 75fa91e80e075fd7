/* Writing the files of a compilation. */
#ifndef NNC_DRIVER_OUTPUTS_H
#define NNC_DRIVER_OUTPUTS_H

#include "driver/pipeline.h"

/* files_write, but an output that would replace a file that was read is an error. */
bool outputs_write(const Compilation *c, const OutputFile *files, size_t count);

#endif
