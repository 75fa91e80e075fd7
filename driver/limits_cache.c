/* Limits between runs: a small JSON file that nobody is trusted to have left alone. */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/limits.h"

enum { MOST_BYTES = 8192 };

static const char *const keys[LIMIT_COUNT] = {"fma", "dot", "l1", "l2", "l3", "memory"};

/* ---- the key --------------------------------------------------------------------------------- */

/* "model name" of the first processor, "" where the system does not say. */
static const char *processor(Arena *arena) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    const char *found = "";
    while (file && !*found && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = 0;
        found = arena_strdup(arena, colon + 1 + strspn(colon + 1, " "));
    }
    if (file) fclose(file);
    return found;
}

static const char *key_text(const Compilation *c, int64_t threads, Arena *arena) {
    char host[256] = "";
    const Options *o = c->options;
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    return arena_printf(arena, "2|%s|%s|%s|%s|%s|%s|%d|%d|%d|%lld", host, processor(arena),
                        c->target->name, c->desc.name ? c->desc.name : "",
                        o->features ? o->features : "", o->device ? o->device : "",
                        c->desc.vector_bits, c->desc.vector_registers, o->level,
                        (long long)threads);
}

/* ---- the folder ------------------------------------------------------------------------------ */

static const char *folder_path(Arena *arena) {
    const char *own = secure_getenv("NNC_CACHE_DIR"), *cache = secure_getenv("XDG_CACHE_HOME");
    const char *home = secure_getenv("HOME");
    if (own) return *own ? own : NULL;
    if (cache && *cache == '/') return arena_printf(arena, "%s/nnc", cache);
    return home && *home == '/' ? arena_printf(arena, "%s/.cache/nnc", home) : NULL;
}

/* The folder, if it is ours and no one else may write to it, else -1. */
static int open_folder(Arena *arena, bool create) {
    const char *given = folder_path(arena);
    struct stat info;
    if (!given) return -1;
    char *path = arena_strdup(arena, given);
    for (char *slash = strchr(path + 1, '/'); create && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    if (create) mkdir(path, 0700);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    if (fstat(folder, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 022) == 0)
        return folder;
    close(folder);
    return -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Text of a regular file of ours; false: there is none. */
static bool read_text(int folder, const char *name, char text[MOST_BYTES]) {
    struct stat info;
    /* Without O_NONBLOCK a pipe of this name would stop the program. */
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t got = -1;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
        info.st_size < MOST_BYTES) {
        got = read(file, text, MOST_BYTES - 1);
    }
    close(file);
    if (got < 0) return false;
    text[got] = 0;
    return true;
}

static void take_rates(const cJSON *root, const char *key, Limits *limits) {
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "key"));
    if (!found || strcmp(found, key) != 0) return;
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, keys[kind]);
        double rate = cJSON_IsNumber(item) ? item->valuedouble : 0;
        /* Nothing is slower than a megabyte or faster than an exabyte a second. */
        if (isfinite(rate) && rate >= 1e6 && rate <= 1e18) limits->rate[kind] = rate;
    }
}

static const char *file_name(Arena *arena, const char *key) {
    return arena_printf(arena, "limits-%016" PRIx64 ".json", hash_bytes(key, strlen(key), 0));
}

void limits_cache_read(const Compilation *c, Limits *limits) {
    Arena *arena = arena_create();
    char text[MOST_BYTES];
    const char *key = key_text(c, limits->threads, arena);
    int folder = open_folder(arena, false);
    if (folder >= 0) {
        if (read_text(folder, file_name(arena, key), text)) {
            cJSON *root = cJSON_Parse(text);
            take_rates(root, key, limits);
            cJSON_Delete(root);
        }
        close(folder);
    }
    arena_destroy(arena);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Beside its place, then renamed, so that no reader meets half of it. */
static void write_text(Arena *arena, int folder, const char *name, const char *text) {
    const char *beside = arena_printf(arena, "%s.%ld", name, (long)getpid());
    size_t length = strlen(text);
    unlinkat(folder, beside, 0); /* left by a process that was killed */
    int file = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return;
    bool ok = write(file, text, length) == (ssize_t)length;
    ok = close(file) == 0 && ok;
    if (!ok || renameat(folder, beside, folder, name) != 0) unlinkat(folder, beside, 0);
}

void limits_cache_write(const Compilation *c, const Limits *limits) {
    Arena *arena = arena_create();
    const char *key = key_text(c, limits->threads, arena);
    int folder = open_folder(arena, true);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "key", key);
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (limits->rate[kind] > 0) cJSON_AddNumberToObject(root, keys[kind], limits->rate[kind]);
    }
    char *text = cJSON_Print(root);
    if (text && folder >= 0) write_text(arena, folder, file_name(arena, key), text);
    if (folder >= 0) close(folder);
    cJSON_free(text);
    cJSON_Delete(root);
    arena_destroy(arena);
}
