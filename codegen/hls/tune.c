/* How many lanes: the shortest goal for the longest task whose multipliers the part has. */
#include "codegen/hls/design.h"
#include "codegen/lower/lower.h"

typedef struct Trial {
    int64_t cycles, dsps; /* of the longest task; of all */
} Trial;

/* What the design needs when tasks have this goal; false after a diagnostic. */
static bool try_goal(const Graph *graph, const TargetOptions *options, const TargetDesc *desc,
                     int64_t goal, Diag *diag, Trial *trial) {
    TargetDesc own = *desc;
    own.task_cycles = goal;
    LProgram *program = lower_graph(graph, &own, diag);
    Arena *arena = arena_create();
    HlsDesign *design = program ? hls_design(program, options, arena, diag) : NULL;
    *trial = (Trial){0, 0};
    for (size_t i = 0; design && i < design->tasks.len; i++) {
        const HlsEstimate *task = &design->tasks.data[i].estimate;
        if (task->cycles > trial->cycles) trial->cycles = task->cycles;
        trial->dsps += task->dsps;
    }
    arena_destroy(arena);
    return design != NULL;
}

bool hls_tune(const Graph *graph, const TargetOptions *options, TargetDesc *desc, Diag *diag) {
    enum { TRIALS = 12 };
    Arena *arena = arena_create();
    const HlsPart *part = hls_part(options, arena, diag);
    Trial trial;
    bool ok = part && try_goal(graph, options, desc, 0, diag, &trial);
    /* The goal stands between `enough`, which fits, and `less`, which does not or brings nothing. */
    int64_t enough = ok ? trial.cycles : 0, less = 0, fastest = enough;
    int64_t limit = part ? part->dsps : 0;
    desc->task_cycles = 0;
    for (int i = 0; ok && i < TRIALS && trial.cycles > 0 && enough - less > 1; i++) {
        int64_t goal = less > 0 ? less + (enough - less) / 2 : enough / 2;
        ok = try_goal(graph, options, desc, goal, diag, &trial);
        if (ok && trial.dsps <= limit) {
            enough = goal;
            if (trial.cycles < fastest) {
                fastest = trial.cycles;
                desc->task_cycles = goal;
            } else {
                less = goal; /* something else bounds it */
            }
        } else {
            less = goal;
        }
        if (less > 0 && enough - less < enough / 64) break;
    }
    arena_destroy(arena);
    return ok;
}
