/* report.txt: what the design consists of, and what it takes by our own model. */
#include "codegen/hls/design.h"

static const char *mode_name(LStreamMode mode) {
    static const char *const names[] = {[STREAM_KEPT] = "",
                                        [STREAM_DIRECT] = "passes through",
                                        [STREAM_WINDOW] = "window",
                                        [STREAM_WHOLE] = "whole"};
    return names[mode];
}

static int64_t weight_bytes(const HlsTask *task) {
    int64_t bytes = 0;
    for (int p = 0; p < task->kernel->nparams; p++) {
        const LTensor *weight = task->weights[p];
        if (weight && weight->data) bytes += (int64_t)weight->data->bytes;
    }
    return bytes;
}

static int64_t operations(const HlsTask *task) {
    int64_t count = 0;
    if (!task->source || !task->source->flops) return 0;
    return dim_is_int(task->source->flops, &count) ? count : 0;
}

static void add_row(StrBuf *out, const char *name, int64_t count, int64_t bytes,
                    const HlsEstimate *e) {
    str_printf(out, "%-24s %12lld %12lld %8lld %10lld %6lld %6lld", name, (long long)count,
               (long long)bytes, (long long)e->multiplies, (long long)e->cycles, (long long)e->dsps,
               (long long)e->brams);
}

static void add_task(const HlsDesign *d, const HlsTask *task, StrBuf *out) {
    add_row(out, task->name, operations(task), weight_bytes(task), &task->estimate);
    str_printf(out, "  %s\n", task->source ? task->source->name : "moves elements");
    if (task->source && task->source->plan && *task->source->plan)
        str_printf(out, "    plan   %s; a new step every %d cycle%s\n", task->source->plan,
                   task->estimate.interval, task->estimate.interval == 1 ? "" : "s");
    for (int p = 0; task->source && p < task->kernel->nparams; p++) {
        if (task->channels[p] < 0) continue;
        const HlsChannel *channel = &d->channels.data[task->channels[p]];
        const LStreamReport *stream = &task->streams[p];
        bool reads = task->kernel->params[p]->access == ACCESS_READ;
        str_printf(out, "    %s %-20s %s", reads ? "reads " : "writes", channel->name,
                   mode_name(stream->mode));
        if (stream->stored > 0) str_printf(out, ", keeps %lld elements", (long long)stream->stored);
        str_append(out, "\n");
    }
}

static void add_verdict(const HlsPart *part, const HlsEstimate *all, const HlsTask *longest,
                        StrBuf *out) {
    if (longest && longest->estimate.cycles > 0) {
        double cycles = (double)longest->estimate.cycles;
        str_printf(out,
                   "\nOne run takes at least the %lld cycles of its longest task, %s: at %g ns "
                   "a cycle %.0f runs a second.\n",
                   (long long)longest->estimate.cycles, longest->name, part->clock,
                   1e9 / (cycles * part->clock));
    }
    str_printf(out, "%s has %lld DSPs and %lld memories of 18 Kb: ", part->name,
               (long long)part->dsps, (long long)part->brams);
    if (all->dsps <= part->dsps && all->brams <= part->brams)
        str_append(out, "by this estimate the design fits.\n");
    else
        str_printf(out, "by this estimate the design has too many %s%s%s.\n",
                   all->dsps > part->dsps ? "multipliers" : "",
                   all->dsps > part->dsps && all->brams > part->brams ? " and " : "",
                   all->brams > part->brams ? "memories" : "");
}

void hls_print_report(const HlsDesign *d, const HlsPart *part, const TargetDesc *desc,
                      StrBuf *out) {
    int64_t all_operations = 0, all_weights = 0;
    HlsEstimate all = {0};
    const HlsTask *longest = NULL;
    str_printf(out, "%s for %s\n\n", d->name, desc->name);
    str_printf(out, "%-24s %12s %12s %8s %10s %6s %6s  %s\n", "task", "operations", "weight bytes",
               "products", "cycles", "DSPs", "18 Kb", "kernel");
    for (size_t t = 0; t < d->tasks.len; t++) {
        const HlsTask *task = &d->tasks.data[t];
        add_task(d, task, out);
        all_operations += operations(task);
        all_weights += weight_bytes(task);
        all.multiplies += task->estimate.multiplies;
        all.dsps += task->estimate.dsps;
        all.brams += task->estimate.brams;
        if (!longest || task->estimate.cycles > longest->estimate.cycles) longest = task;
    }
    all.cycles = longest ? longest->estimate.cycles : 0;
    add_row(out, "all", all_operations, all_weights, &all);
    str_append(out, "\n");
    add_verdict(part, &all, longest, out);
    str_printf(out, "\n%-24s %12s %12s  %s\n", "channel", "elements", "depth", "type");
    for (size_t i = 0; i < d->channels.len; i++) {
        const HlsChannel *c = &d->channels.data[i];
        str_printf(out, "%-24s %12lld %12lld  %s\n", c->name, (long long)c->elements,
                   (long long)c->depth, dtype_name(c->dtype));
    }
}
