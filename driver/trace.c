/* A profile's first runs in Chrome's trace event format ("Trace Event Format", complete events). */
#include <cjson/cJSON.h>

#include "driver/profile.h"

static void add_slice(cJSON *events, const char *name, int thread, double start, double end) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "name", name);
    cJSON_AddStringToObject(event, "ph", "X");
    cJSON_AddNumberToObject(event, "pid", 1);
    cJSON_AddNumberToObject(event, "tid", thread);
    cJSON_AddNumberToObject(event, "ts", 1e6 * start);
    cJSON_AddNumberToObject(event, "dur", end > start ? 1e6 * (end - start) : 0);
    cJSON_AddItemToArray(events, event);
}

static void name_track(cJSON *events, int thread, const char *name) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "name", "thread_name");
    cJSON_AddStringToObject(event, "ph", "M");
    cJSON_AddNumberToObject(event, "pid", 1);
    cJSON_AddNumberToObject(event, "tid", thread);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(event, "args"), "name", name);
    cJSON_AddItemToArray(events, event);
}

static void add_run(const Profile *p, const ProfileRun *run, double origin, cJSON *events) {
    add_slice(events, p->network->name, 1, run->start - origin, run->end - origin);
    for (size_t s = 0; s < p->step_count; s++) {
        const ProfileRow *row = &p->rows[p->step_calls ? p->step_calls[s] : s];
        const char *path = row->call->path;
        add_slice(events, path && *path ? path : row->call->kernel->name, 2, run->mark[s] - origin,
                  run->mark[s + 1] - origin);
        cJSON *args = cJSON_AddObjectToObject(
            cJSON_GetArrayItem(events, cJSON_GetArraySize(events) - 1), "args");
        cJSON_AddStringToObject(args, "kernel", row->call->kernel->name);
        cJSON_AddNumberToObject(args, "flop", row->flops);
        cJSON_AddNumberToObject(args, "bytes", row->bytes);
    }
}

void profile_trace(const Profile *p, StrBuf *out) {
    cJSON *root = cJSON_CreateObject(), *events = cJSON_AddArrayToObject(root, "traceEvents");
    cJSON_AddStringToObject(root, "displayTimeUnit", "ns");
    name_track(events, 1, "runs");
    name_track(events, 2, "kernels");
    double origin = p->trace.len ? p->trace.data[0].start : 0;
    for (size_t i = 0; i < p->trace.len; i++) add_run(p, &p->trace.data[i], origin, events);
    char *text = cJSON_Print(root);
    if (text) str_append(out, text);
    cJSON_free(text);
    cJSON_Delete(root);
}
