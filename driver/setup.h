/* From options to what the stages want; also creation and release of a compilation. */
#ifndef NNC_DRIVER_SETUP_H
#define NNC_DRIVER_SETUP_H

#include "driver/pipeline.h"

bool setup_target(Compilation *c); /* target, its options and description */
bool setup_frontend(Compilation *c, FrontendOptions *options);
bool setup_weights(Compilation *c);                  /* binds the parameters of c->module->graph */
void setup_source(Compilation *c, const char *path); /* one more file that was read */
bool setup_pass_options(Compilation *c, PassOptions *options);
bool setup_report(Compilation *c); /* writes what the passes had to say */
/* Text of a whole number, all of it; a message about `what` otherwise. */
bool setup_integer(const char *text, const char *what, int64_t *value);

#endif
