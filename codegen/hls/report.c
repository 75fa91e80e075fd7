/* report.txt: what the design consists of. */
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

static void add_task(const HlsDesign *d, const HlsTask *task, StrBuf *out) {
    str_printf(out, "%-24s %12lld %12lld  %s\n", task->name, (long long)operations(task),
               (long long)weight_bytes(task), task->source ? task->source->name : "fork");
    for (int p = 0; task->source && p < task->kernel->nparams; p++) {
        if (task->channels[p] < 0) continue;
        const HlsChannel *channel = &d->channels.data[task->channels[p]];
        const LStreamReport *stream = &task->streams[p];
        str_printf(out, "    %s %-20s %s",
                   channel->reader >= 0 && task->kernel->params[p]->access == ACCESS_READ
                       ? "reads "
                       : "writes",
                   channel->name, mode_name(stream->mode));
        if (stream->stored > 0) str_printf(out, ", keeps %lld elements", (long long)stream->stored);
        str_append(out, "\n");
    }
}

void hls_print_report(const HlsDesign *d, const TargetDesc *desc, StrBuf *out) {
    int64_t all_operations = 0, all_weights = 0;
    str_printf(out, "%s for %s\n\n", d->name, desc->name);
    str_printf(out, "%-24s %12s %12s  %s\n", "task", "operations", "weight bytes", "kernel");
    for (size_t t = 0; t < d->tasks.len; t++) {
        add_task(d, &d->tasks.data[t], out);
        all_operations += operations(&d->tasks.data[t]);
        all_weights += weight_bytes(&d->tasks.data[t]);
    }
    str_printf(out, "%-24s %12lld %12lld\n", "all", (long long)all_operations,
               (long long)all_weights);
    str_printf(out, "\n%-24s %12s %12s  %s\n", "channel", "elements", "depth", "type");
    for (size_t i = 0; i < d->channels.len; i++) {
        const HlsChannel *c = &d->channels.data[i];
        str_printf(out, "%-24s %12lld %12lld  %s\n", c->name, (long long)c->elements,
                   (long long)c->depth, dtype_name(c->dtype));
    }
}
