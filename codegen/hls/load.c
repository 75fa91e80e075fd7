/* Running a design in this process: its C is compiled to a shared object, which is opened. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/hls/design.h"

extern char **environ;

enum { MOST_WORDS = 32 };

/* ---- the compiler ---------------------------------------------------------------------------- */

/* The words of $CC, or cc. */
static size_t compiler_words(Arena *arena, char **words) {
    const char *text = getenv("CC");
    size_t count = 0;
    if (!text || strspn(text, " \t") == strlen(text)) text = "cc";
    for (text += strspn(text, " \t"); *text && count < MOST_WORDS; text += strspn(text, " \t")) {
        size_t length = strcspn(text, " \t");
        words[count++] = arena_strndup(arena, text, length);
        text += length;
    }
    return count;
}

static bool is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

const char *hls_compiler(Arena *arena) {
    char *words[MOST_WORDS];
    compiler_words(arena, words);
    if (strchr(words[0], '/')) return is_program(words[0]) ? words[0] : NULL;
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        const char *file =
            length ? arena_printf(arena, "%.*s/%s", (int)length, at, words[0]) : words[0];
        if (is_program(file)) return file;
        at += length + (at[length] == ':');
    }
    return NULL;
}

/* ---- the folder ------------------------------------------------------------------------------ */

typedef struct Loaded {
    Arena *arena;
    void *object;
} Loaded;

static char *make_folder(Arena *arena, Diag *diag) {
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/nnc-hls-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(folder)) return folder;
    diag_error(diag, (Span){0}, "cannot make a folder like '%s': %s", folder, strerror(errno));
    return NULL;
}

/* The public header stands where <nn/nn.h> is looked for. */
static bool add_header(Arena *arena, const char *folder, Artifacts *artifacts, Diag *diag) {
    const char *inner = arena_printf(arena, "%s/nn", folder);
    OutputFile file =
        output_file(arena_printf(arena, "%s/nn.h", inner), hls_nn_h, strlen(hls_nn_h), 0600);
    vec_push(arena, &artifacts->files, file);
    if (mkdir(inner, 0700) == 0) return true;
    diag_error(diag, (Span){0}, "cannot make the folder '%s': %s", inner, strerror(errno));
    return false;
}

/* What lies in ours are files. */
static void remove_files(Arena *arena, const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        unlink(arena_printf(arena, "%s/%s", folder, e->d_name));
    }
    if (dir) closedir(dir);
    rmdir(folder);
}

/* ---- compiling ------------------------------------------------------------------------------- */

/* Runs the command with its messages in the file `log`; its exit status, -1: it did not run. */
static int run_command(char *const *command, const char *log, int *error) {
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    if (posix_spawn_file_actions_init(&actions) != 0) return -1;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    *error = posix_spawnp(&child, command[0], &actions, NULL, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (*error) return -1;
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR) continue;
        *error = errno;
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void show_log(Arena *arena, const char *log, Diag *diag) {
    enum { SHOWN = 2000 };
    FileBytes bytes;
    if (!file_read(arena, log, 1 << 20, &bytes, diag, (Span){0}) || bytes.size == 0) return;
    diag_note(diag, (Span){0}, "%.*s", SHOWN, (const char *)bytes.data);
}

static bool compile(const HlsDesign *d, const char *folder, const char *object, Diag *diag) {
    Arena *arena = d->arena;
    char *command[MOST_WORDS + 16];
    size_t count = compiler_words(arena, command);
    const char *const options[] = {"-std=gnu99", "-O1",     "-w", "-ffp-contract=off",
                                   "-fPIC",      "-shared", "-o"};
    for (size_t i = 0; i < COUNT_OF(options); i++)
        command[count++] = arena_strdup(arena, options[i]);
    command[count++] = arena_strdup(arena, object);
    command[count++] = arena_printf(arena, "-I%s", folder);
    command[count++] = arena_printf(arena, "%s/%s.c", folder, d->name);
    command[count++] = arena_printf(arena, "%s/%s_host.c", folder, d->name);
    command[count++] = arena_strdup(arena, "-lm");
    command[count] = NULL;
    int error = 0, status;
    const char *log = arena_printf(arena, "%s/log", folder);
    status = run_command(command, log, &error);
    if (status == 0) return true;
    if (status < 0 || status == 127) {
        diag_error(diag, (Span){0},
                   "running a design needs a C compiler, and '%s' does not start: %s; install gcc "
                   "or clang, or name one in CC",
                   command[0], status == 127 ? "not found" : strerror(error));
        return false;
    }
    diag_error(diag, (Span){0}, "'%s' cannot compile the design", command[0]);
    show_log(arena, log, diag);
    return false;
}

/* ---- loading --------------------------------------------------------------------------------- */

static void unload(void *handle) {
    Loaded *loaded = handle;
    if (loaded->object) dlclose(loaded->object);
    arena_destroy(loaded->arena);
}

static bool open_object(const LProgram *program, const TargetOptions *options, const char *path,
                        Loaded *loaded, LoadedNetwork *result, Diag *diag) {
    loaded->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!loaded->object) {
        diag_error(diag, (Span){0}, "cannot open the compiled design: %s", dlerror());
        return false;
    }
    const char *name = abi_linker_name(loaded->arena, program, options->prefix, "info");
    void *symbol = dlsym(loaded->object, name);
    const nn_network *(*info)(void);
    if (!symbol) {
        diag_error(diag, (Span){0}, "the compiled design lacks '%s'", name);
        return false;
    }
    memcpy(&info, &symbol, sizeof info);
    result->network = info();
    return true;
}

static size_t file_size(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

bool hls_load(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
              LoadedNetwork *result, Diag *diag) {
    (void)desc;
    Arena *arena = arena_create();
    Loaded *loaded = arena_new(arena, Loaded);
    loaded->arena = arena;
    *result = (LoadedNetwork){0};
    Artifacts artifacts = {.arena = arena};
    HlsDesign *design = hls_design(program, options, arena, diag);
    const char *folder = design ? make_folder(arena, diag) : NULL;
    bool ok = folder != NULL;
    if (ok) {
        const char *object = arena_printf(arena, "%s/design.so", folder);
        hls_add_simulation(design, options, folder, &artifacts);
        ok = add_header(arena, folder, &artifacts, diag) &&
             files_write(artifacts.files.data, artifacts.files.len, diag) &&
             compile(design, folder, object, diag) &&
             open_object(program, options, object, loaded, result, diag);
        result->code_bytes = file_size(object);
        remove_files(arena, arena_printf(arena, "%s/nn", folder));
        remove_files(arena, folder);
    }
    if (!ok) {
        unload(loaded);
        *result = (LoadedNetwork){0};
        return false;
    }
    result->handle = loaded;
    result->unload = unload;
    return true;
}
