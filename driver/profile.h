/* Profiles: how long each kernel of a run takes, and what of the machine's limits that is. */
#ifndef NNC_DRIVER_PROFILE_H
#define NNC_DRIVER_PROFILE_H

#include "driver/execute.h"
#include "driver/limits.h"

/* What one call of the program does and took. */
typedef struct ProfileRow {
    const LCall *call;
    size_t position; /* in the order of the run */
    double seconds;  /* median over the runs */
    double flops, bytes, weight_bytes;
    bool cold;       /* its weights came from memory */
    LimitKind limit; /* that binds it; LIMIT_COUNT: unknown */
    double share_of_limit;
} ProfileRow;

/* Runs with weights in one state. */
typedef struct ProfileSeries {
    size_t runs, copies; /* copies: of the weights, 1: they stay where they are */
    double whole;        /* seconds of a run, median */
    double kernels;      /* of which in kernels, median of the runs' sums */
    double between;      /* and between them, median */
    double *call;        /* by call: median seconds */
} ProfileSeries;

/* One run as it happened, for the trace: seconds from its start. */
typedef struct ProfileRun {
    double start, end, *mark; /* mark[i]: step i starts; mark[step_count]: all are done */
} ProfileRun;

typedef struct Profile {
    const LProgram *program;
    const nn_network *network;
    const int64_t *symbols; /* of the network, in its order */
    int64_t threads;
    Limits limits;
    double timer;             /* seconds that a mark itself takes; subtracted */
    ProfileSeries warm, cold; /* runs 0: not measured */
    size_t count;
    ProfileRow *rows; /* in the order of the run */
    double sum;       /* of the rows' seconds */
    size_t step_count;
    const size_t *step_calls;
    VEC(ProfileRun) trace;
} Profile;

/* Where a profile's program tells its steps: part of target_options.hook. */
typedef struct ProfileClock {
    StepHook hook;
    double *mark;
} ProfileClock;
ProfileClock *profile_clock(Arena *arena);

/* Runs the executable, which was compiled with the clock's hook and is bound, for about that many
 * seconds or exactly `runs` times, and fills the profile. False after a failure, which is
 * reported. symbols: of the module. */
bool profile_measure(Compilation *c, Executable *executable, ProfileClock *clock,
                     const int64_t *symbols, int64_t threads, Profile *profile);

/* Rows by position or by time, slowest first. */
ProfileRow *profile_sorted(const Profile *profile, bool by_time, Arena *arena);

/* ---- profile_work.c -------------------------------------------------------------------------- */

/* Operations and least traffic of a call, and which limit binds it. */
void profile_work(Profile *profile, const int64_t *symbols);
/* A weight is used once or twice: time goes into bringing weights in. */
bool profile_is_one_row(const ProfileRow *row);
void profile_limits(Profile *profile);
/* The kernels that one kind of arithmetic binds, taken together. share_of_limit weighs each by its
 * work: the least time of all over the time of all. */
typedef struct ProfileBound {
    size_t kernels, far;
    double seconds, share_of_limit;
} ProfileBound;
ProfileBound profile_bound(const Profile *profile, LimitKind arithmetic);
/* Whether arithmetic binds the row, it takes more of the time than PROFILE_COUNTS, and reaches less
 * of its limit than PROFILE_FAR. */
#define PROFILE_COUNTS 0.01
#define PROFILE_FAR    0.7
bool profile_is_far(const Profile *profile, const ProfileRow *row);

/* ---- what it looks like ---------------------------------------------------------------------- */

void profile_print(const Profile *profile, bool by_time, Arena *arena);
struct cJSON;
void profile_json(const Profile *profile, bool by_time, Arena *arena, struct cJSON *root);
/* Chrome's trace event format: what Perfetto and chrome://tracing read. */
void profile_trace(const Profile *profile, StrBuf *out);
/* Log-log: performance over operations per byte, limits as roofs. */
void profile_plot(const Profile *profile, Arena *arena, StrBuf *out);

#endif
