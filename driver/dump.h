/* Looking inside a compilation: IR dumps around passes, times. */
#ifndef NNC_DRIVER_DUMP_H
#define NNC_DRIVER_DUMP_H

#include "driver/pipeline.h"

typedef struct Dumper {
    Compilation *compilation;
    const char *pass; /* null: all */
    bool before, after, any;
    int number; /* of the dump files so far */
} Dumper;

/* Sets inspector up from -dump-ir, -dump-dir, -time-passes and -verify. */
bool dump_inspector(Compilation *c, Dumper *dumper, PassInspector *inspector);
/* nnc itself is at fault: saves the graph as a file that `nnc opt` reads, says where it is and how
 * to report it. */
void dump_defect(Compilation *c);
double dump_clock(void); /* seconds, monotonic */
void dump_time(const Compilation *c, const char *stage, double start);

#endif
