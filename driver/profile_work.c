/* What kernels do, and what the machine would need for it at least. */
#include "driver/profile.h"

static double value_of(Dim dim, const int64_t *symbols) {
    int64_t value;
    return dim && dim_eval(dim, symbols, &value) && value > 0 ? (double)value : 0;
}

static double weight_bytes(const LCall *call, const int64_t *symbols) {
    double bytes = 0;
    for (int p = 0; p < call->kernel->nparams; p++) {
        const LTensor *tensor = call->args[p];
        bool again = false;
        for (int q = 0; q < p; q++) again |= call->args[q] == tensor;
        if (tensor->role == TENSOR_WEIGHT && !again)
            bytes += value_of(tensor->elements, symbols) * (double)dtype_bytes(tensor->dtype);
    }
    return bytes;
}

void profile_work(Profile *p, const int64_t *symbols) {
    for (size_t i = 0; i < p->count; i++) {
        ProfileRow *row = &p->rows[i];
        row->flops = value_of(row->call->kernel->flops, symbols);
        row->bytes = value_of(row->call->kernel->bytes, symbols);
        row->weight_bytes = weight_bytes(row->call, symbols);
    }
}

bool profile_is_one_row(const ProfileRow *row) {
    /* A multiply-add is two operations on, at most, four bytes of weights. */
    return row->weight_bytes >= 4096 && row->weight_bytes > row->bytes / 2 && row->flops > 0 &&
           row->flops <= row->weight_bytes;
}

/* The nearest memory that holds so much and was measured. */
static LimitKind level_for(const Limits *limits, double bytes) {
    for (int kind = LIMIT_L1; kind < LIMIT_MEMORY; kind++) {
        if (limits->rate[kind] > 0 && bytes <= (double)limits->capacity[kind]) return kind;
    }
    return LIMIT_MEMORY;
}

static LimitKind nearer(const Limits *limits, LimitKind level) {
    for (int kind = (int)level - 1; kind >= LIMIT_L1; kind--) {
        if (limits->rate[kind] > 0) return kind;
    }
    return level;
}

/* Weights come from where the whole network fits, as each run goes through all of it; the rest was
 * just written. What is faster than its level allows was evidently found in a nearer one. */
static void find_limit(const Profile *p, double footprint, ProfileRow *row) {
    const Limits *limits = &p->limits;
    LimitKind arithmetic = limit_of_kernel(row->call->kernel);
    double compute = limits->rate[arithmetic] > 0 ? row->flops / limits->rate[arithmetic] : 0;
    LimitKind level =
        level_for(limits, row->weight_bytes > row->bytes / 2 ? footprint : row->bytes);
    if (row->cold) level = LIMIT_MEMORY;
    while (!row->cold && limits->rate[level] > 0 &&
           row->bytes / limits->rate[level] > row->seconds && nearer(limits, level) != level) {
        level = nearer(limits, level);
    }
    double traffic = limits->rate[level] > 0 ? row->bytes / limits->rate[level] : 0;
    double least = compute > traffic ? compute : traffic;
    row->limit = least <= 0 ? LIMIT_COUNT : compute > traffic ? arithmetic : level;
    row->share_of_limit = least > 0 && row->seconds > 0 ? least / row->seconds : 0;
}

void profile_limits(Profile *p) {
    double footprint = (double)p->program->weight_bytes;
    int64_t arena;
    if (nn_eval(&p->network->arena_bytes, p->symbols, p->network->symbol_count, &arena) == NN_OK)
        footprint += (double)arena;
    for (size_t i = 0; i < p->count; i++) find_limit(p, footprint, &p->rows[i]);
}

bool profile_is_far(const Profile *p, const ProfileRow *row) {
    return row->limit < LIMIT_COUNT && limit_is_compute(row->limit) &&
           row->seconds > PROFILE_COUNTS * p->sum && row->share_of_limit < PROFILE_FAR;
}

ProfileBound profile_bound(const Profile *p, LimitKind arithmetic) {
    ProfileBound bound = {0};
    double least = 0;
    for (size_t i = 0; i < p->count; i++) {
        const ProfileRow *row = &p->rows[i];
        if (row->limit != arithmetic) continue;
        bound.kernels++;
        bound.far += profile_is_far(p, row);
        bound.seconds += row->seconds;
        least += row->seconds * row->share_of_limit;
    }
    bound.share_of_limit = bound.seconds > 0 ? least / bound.seconds : 0;
    return bound;
}
