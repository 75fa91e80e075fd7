/* -multiversion: what follows loading, once for each processor of the list. */
#include "driver/pipeline.h"

/* One version; the passes of each begin with the network as it was written. */
static bool make_version(Compilation *c, const char *cpu, ProgramVersion *version) {
    c->target_options.cpu = cpu;
    c->graph = graph_clone(c->source, NULL);
    c->report.len = 0; /* what it says of weights holds for all versions */
    if (!c->target->describe(&c->target_options, &c->desc, c->arena, c->diag))
        return fail(c, EXIT_USAGE);
    if (!compilation_optimize(c) || !compilation_lower(c)) return false;
    *version = (ProgramVersion){cpu, c->desc, c->program};
    return true;
}

bool compilation_versions(Compilation *c) {
    const char **cpus;
    size_t count;
    uint64_t hash = 0;
    if (!c->target->levels) {
        diag_error(c->diag, (Span){0},
                   "-multiversion: target %s has no levels of processors, only cpu has",
                   c->target->name);
        return fail(c, EXIT_USAGE);
    }
    if (!c->target->levels(&c->target_options, c->options->levels, c->arena, &cpus, &count,
                           c->diag))
        return fail(c, EXIT_USAGE);
    /* Versions read each other's weights. */
    c->discards_weights = false;
    c->target_options.checked_features = true;
    ProgramVersions *versions = arena_new(c->arena, ProgramVersions);
    *versions =
        (ProgramVersions){.count = count, .list = arena_array(c->arena, ProgramVersion, count)};
    for (size_t i = 0; i < count; i++) {
        if (!make_version(c, cpus[i], &versions->list[i])) return false;
        hash = hash_bytes(&c->target_options.source_hash, sizeof(uint64_t), hash);
    }
    if (!program_share_weights(versions, c->arena, c->diag)) return fail(c, EXIT_INPUT);
    c->target_options.source_hash = hash;
    c->target_options.versions = versions;
    c->target_options.cpu = versions->list[0].cpu;
    c->desc = versions->list[0].desc;
    c->program = versions->list[0].program;
    return true;
}
