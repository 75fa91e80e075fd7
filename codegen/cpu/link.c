/* -emit=so: the object becomes a shared object by the system's linker, which needs no compiler
 * driver. */
#define _GNU_SOURCE
#include "codegen/cpu/emit.h"
#include "nn/format.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* lld links for every architecture; plain ld for the one it was built for. */
static const char *const linkers[] = {"ld.lld", "ld.lld-19", "ld"};

/* The first linker of the list on PATH, from which on to try. */
static const char *find_linker(Arena *arena, bool any_arch, size_t *next) {
    const char *path = getenv("PATH");
    for (; *next < COUNT_OF(linkers); (*next)++) {
        if (any_arch && strcmp(linkers[*next], "ld") == 0) continue;
        for (const char *at = path ? path : ""; *at;) {
            size_t length = strcspn(at, ":");
            const char *file = arena_printf(arena, "%.*s/%s", (int)length, at, linkers[*next]);
            if (length > 0 && access(file, X_OK) == 0) {
                (*next)++;
                return file;
            }
            at += length + (at[length] == ':');
        }
    }
    return NULL;
}

/* A private folder for the two files. */
static char *make_folder(Arena *arena, Diag *diag) {
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/nnc-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(folder)) return folder;
    diag_error(diag, (Span){0}, "cannot make a temporary folder '%s': %s", folder, strerror(errno));
    return NULL;
}

static bool write_file(const char *path, const ObjectCode *code, Diag *diag) {
    const OutputPiece head = {code->data, code->size};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : pieces_write(fd, &head, 1);
    if (!error) error = pieces_write(fd, code->parts, code->nparts);
    if (error) diag_error(diag, (Span){0}, "cannot write '%s': %s", path, strerror(error));
    if (fd >= 0) close(fd);
    return !error;
}

static bool run_linker(const char *linker, const char *input, const char *output, Diag *diag) {
    const char *const words[] = {linker,
                                 "-shared",
                                 "--hash-style=gnu",
                                 "--build-id=0x" NN_SEALED_BUILD_ID_HEX,
                                 "-z",
                                 "noexecstack",
                                 "-z",
                                 "relro",
                                 "-o",
                                 output,
                                 input,
                                 NULL};
    char *argv[COUNT_OF(words)];
    for (size_t i = 0; i < COUNT_OF(words); i++) argv[i] = (char *)(uintptr_t)words[i];
    pid_t child;
    int error = posix_spawn(&child, linker, NULL, NULL, argv, environ), status = 0;
    if (error != 0) {
        diag_error(diag, (Span){0}, "cannot run '%s': %s", linker, strerror(error));
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    diag_error(diag, (Span){0}, "'%s' could not link the network", linker);
    return false;
}

/* What the runtime checks before it lets the dynamic loader near the file. */
static ObjectCode seal(Arena *arena, const FileBytes *file) {
    nn_seal *end = arena_new(arena, nn_seal);
    *end = (nn_seal){.bytes = file->size, .hash = nn_seal_hash(file->data, file->size)};
    memcpy(end->mark, NN_SEAL_MARK, sizeof end->mark);
    OutputPiece *part = arena_new(arena, OutputPiece);
    *part = (OutputPiece){end, sizeof *end};
    return (ObjectCode){file->data, file->size, part, 1};
}

bool cpu_link(const ObjectCode *object, const CpuMachine *machine, Arena *arena, ObjectCode *linked,
              Diag *diag) {
    char *host = LLVMGetDefaultTargetTriple();
    bool foreign = strncmp(host, machine->triple, strcspn(machine->triple, "-")) != 0;
    LLVMDisposeMessage(host);
    size_t next = 0;
    const char *linker = find_linker(arena, foreign, &next);
    if (!linker) {
        diag_error(diag, (Span){0}, "no linker found for -emit=so");
        diag_note(diag, (Span){0}, "install %s, or link an object file from -emit=obj yourself",
                  foreign ? "lld" : "lld or binutils");
        return false;
    }
    char *folder = make_folder(arena, diag);
    if (!folder) return false;
    char *input = arena_printf(arena, "%s/network.o", folder);
    char *output = arena_printf(arena, "%s/network.so", folder);
    FileBytes bytes = {0};
    bool ok = write_file(input, object, diag) && run_linker(linker, input, output, diag) &&
              file_map(arena, output, &bytes, diag, (Span){0});
    unlink(input);
    unlink(output);
    rmdir(folder);
    if (ok) *linked = seal(arena, &bytes);
    return ok;
}
