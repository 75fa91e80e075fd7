/* Writing the files of a compilation. */
#ifndef NNC_DRIVER_OUTPUTS_H
#define NNC_DRIVER_OUTPUTS_H

#include "driver/pipeline.h"

/* files_write, but an output that would replace a file that was read is an error. */
bool outputs_write(const Compilation *c, const OutputFile *files, size_t count);
/* The same for files in pieces. */
bool outputs_write_pieces(const Compilation *c, const OutputPieces *files, size_t count);
/* The same for all that a target made: its folder first, then what stands alone. */
bool outputs_write_all(const Compilation *c, const Artifacts *artifacts);

/* The dependency file that -MF asks for: every output depends on every file that was read. False
 * with the status set where it cannot be made. */
bool outputs_depfile(Compilation *c, const char *const *outputs, size_t count, OutputFile *file);

#endif
