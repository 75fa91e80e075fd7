#define _GNU_SOURCE
#include "program_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash.h"

enum { MAX_ENTRY = 256 << 20, MAX_KEY = 4096 };

#define MAGIC "nnc-prog"

/* What an entry starts with; the key's text and the program follow. Entries do not travel between
 * machines. */
typedef struct Head {
    char magic[8];
    uint32_t version, head_bytes;
    uint64_t source[2];
    uint64_t key_bytes, data_bytes;
    uint64_t checksum; /* of the head with 0 here, the key and the program */
} Head;

enum { VERSION = 1 };

/* ---- the folder ----------------------------------------------------------------------------- */

static int format_path(char *path, size_t size, const char *first, const char *second) {
    int length = snprintf(path, size, "%s%s", first, second);
    return length > 0 && (size_t)length < size;
}

/* Relative paths in the variables of the XDG specification count as not set. */
static int folder_path(char *path, size_t size) {
    const char *own = secure_getenv("NNC_CACHE_DIR"), *cache = secure_getenv("XDG_CACHE_HOME");
    const char *home = secure_getenv("HOME");
    if (own) return *own && format_path(path, size, own, "");
    if (cache && *cache == '/') return format_path(path, size, cache, "/nnc");
    return home && *home == '/' && format_path(path, size, home, "/.cache/nnc");
}

int nn_cache_is_on(void) {
    char path[PATH_MAX];
    return folder_path(path, sizeof path);
}

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
}

/* The folder, if it is ours and no one else may write to it, else -1. */
static int open_folder(int create) {
    char path[PATH_MAX];
    struct stat info;
    if (!folder_path(path, sizeof path)) return -1;
    if (create) make_folders(path);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    if (fstat(folder, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 022) == 0) {
        return folder;
    }
    close(folder);
    return -1;
}

/* ---- entries -------------------------------------------------------------------------------- */

enum { NAME_BYTES = 33 }; /* 32 hexadecimal digits */

static void entry_name(const nn_cache_key *key, char name[NAME_BYTES]) {
    size_t length = strlen(key->text);
    uint64_t a = nn_hash_bytes(NN_HASH_START, key->text, length);
    uint64_t b = nn_hash_bytes(~NN_HASH_START, key->text, length);
    a = nn_hash_integer(nn_hash_integer(a, key->source[0]), key->source[1]);
    b = nn_hash_integer(nn_hash_integer(b, key->source[1]), key->source[0]);
    snprintf(name, NAME_BYTES, "%016" PRIx64 "%016" PRIx64, a, b);
}

static uint64_t entry_checksum(Head head, const char *key, const void *data) {
    head.checksum = 0;
    uint64_t hash = nn_hash_bytes(NN_HASH_START, &head, sizeof head);
    hash = nn_hash_bytes(hash, key, (size_t)head.key_bytes);
    return nn_hash_bytes(hash, data, (size_t)head.data_bytes);
}

static int read_all(int file, void *data, size_t bytes) {
    char *next = data;
    while (bytes > 0) {
        ssize_t got = read(file, next, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        next += got;
        bytes -= (size_t)got;
    }
    return 1;
}

static int write_all(int file, const void *data, size_t bytes) {
    const char *next = data;
    while (bytes > 0) {
        ssize_t put = write(file, next, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return 0;
        next += put;
        bytes -= (size_t)put;
    }
    return 1;
}

/* The head of the entry for this key, with everything that can be said without reading on. */
static int head_fits(const Head *head, const nn_cache_key *key, uint64_t file_bytes) {
    return memcmp(head->magic, MAGIC, sizeof head->magic) == 0 && head->version == VERSION &&
           head->head_bytes == sizeof *head && head->source[0] == key->source[0] &&
           head->source[1] == key->source[1] && head->key_bytes == strlen(key->text) &&
           head->data_bytes > 0 && head->data_bytes <= MAX_ENTRY &&
           file_bytes == sizeof *head + head->key_bytes + head->data_bytes;
}

static void *read_entry(int file, const nn_cache_key *key, uint64_t file_bytes, size_t *bytes) {
    Head head;
    char text[MAX_KEY];
    if (!read_all(file, &head, sizeof head) || !head_fits(&head, key, file_bytes)) return NULL;
    if (!read_all(file, text, (size_t)head.key_bytes)) return NULL;
    if (memcmp(text, key->text, (size_t)head.key_bytes) != 0) return NULL;
    void *data = malloc((size_t)head.data_bytes);
    if (!data) return NULL;
    if (read_all(file, data, (size_t)head.data_bytes) &&
        entry_checksum(head, text, data) == head.checksum) {
        *bytes = (size_t)head.data_bytes;
        return data;
    }
    free(data);
    return NULL;
}

void *nn_cache_read(const nn_cache_key *key, size_t *bytes) {
    char name[NAME_BYTES];
    struct stat info;
    void *data = NULL;
    if (strlen(key->text) > MAX_KEY) return NULL;
    int folder = open_folder(0);
    if (folder < 0) return NULL;
    entry_name(key, name);
    /* Without O_NONBLOCK a pipe of this name would stop the program. */
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) {
        if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid()) {
            data = read_entry(file, key, (uint64_t)info.st_size, bytes);
        }
        close(file);
    }
    close(folder);
    return data;
}

/* A file that would outgrow the process's limit ends in a signal, not in an error. */
static int is_allowed(uint64_t file_bytes) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           (limit.rlim_cur == RLIM_INFINITY || file_bytes <= limit.rlim_cur);
}

/* Written beside its place and renamed, so that no reader meets half of it. */
static void write_entry(int folder, const nn_cache_key *key, const Head *head, const void *data) {
    char name[NAME_BYTES], beside[NAME_BYTES + 32];
    entry_name(key, name);
    /* The address of a local variable tells apart the threads of a process. */
    snprintf(beside, sizeof beside, "%s%08x%016" PRIx64, name, (unsigned)getpid(),
             (uint64_t)(uintptr_t)name);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int file = openat(folder, beside, flags, 0600);
    if (file < 0 && errno == EEXIST && unlinkat(folder, beside, 0) == 0) {
        file = openat(folder, beside, flags, 0600); /* left by a process that was killed */
    }
    if (file < 0) return;
    int ok = write_all(file, head, sizeof *head) &&
             write_all(file, key->text, (size_t)head->key_bytes) &&
             write_all(file, data, (size_t)head->data_bytes);
    ok = close(file) == 0 && ok;
    if (!ok || renameat(folder, beside, folder, name) != 0) unlinkat(folder, beside, 0);
}

void nn_cache_write(const nn_cache_key *key, const void *data, size_t bytes) {
    Head head = {
        .magic = {0},
        .version = VERSION,
        .head_bytes = sizeof head,
        .source = {key->source[0], key->source[1]},
        .key_bytes = strlen(key->text),
        .data_bytes = bytes,
    };
    memcpy(head.magic, MAGIC, sizeof head.magic);
    if (bytes == 0 || bytes > MAX_ENTRY || head.key_bytes > MAX_KEY) return;
    if (!is_allowed(sizeof head + head.key_bytes + bytes)) return;
    int folder = open_folder(1);
    if (folder < 0) return;
    head.checksum = entry_checksum(head, key->text, data);
    write_entry(folder, key, &head, data);
    close(folder);
}
