/* The cache of compiled programs: used where it is whole, rebuilt where it is not, never in the way. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_icd.h"
#include "fixture.h"

static FakeControl *fake;
static char root[64];

/* A context and a run, which must be right whatever the cache holds; how often the source was compiled. */
static long use(const Case *c) {
    Watch watch = {.logged = ""};
    int64_t limit = 20;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    long before = fake->source_builds;
    int is_right = 0;
    nn_status status = nn_plan_create(&c->network, &c->plan, &options, &context);
    if (status == NN_OK) status = run_case(context, 11, &is_right);
    if (!is_right) fprintf(stderr, "status %d, '%s'\n", (int)status, watch.logged);
    CHECK(status == NN_OK && is_right);
    nn_plan_destroy(context);
    CHECK(watch.live == 0 && fake->misuse == 0);
    return fake->source_builds - before;
}

/* ---- files ------------------------------------------------------------------------------------------ */

static const char *in_root(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void empty_root(void) {
    char command[192];
    snprintf(command, sizeof command, "chmod -R u+rwx '%s'; rm -rf '%s'", root, root);
    CHECK(system(command) == 0 && mkdir(root, 0700) == 0);
}

/* The one entry of a folder; 0 where there is none or more than one. */
static int only_entry(const char *folder, char *path, size_t size) {
    int found = 0;
    DIR *stream = opendir(folder);
    if (!stream) return 0;
    for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        if (entry->d_name[0] == '.') continue;
        CHECK(strspn(entry->d_name, "0123456789abcdef") == strlen(entry->d_name));
        snprintf(path, size, "%s/%s", folder, entry->d_name);
        found++;
    }
    closedir(stream);
    return found == 1;
}

static void remove_entries(void) {
    char entry[600];
    while (only_entry(root, entry, sizeof entry)) CHECK(unlink(entry) == 0);
}

static size_t read_file(const char *path, unsigned char *data, size_t room) {
    FILE *file = fopen(path, "rb");
    size_t bytes = file ? fread(data, 1, room, file) : 0;
    if (file) fclose(file);
    return bytes;
}

static void write_file(const char *path, const unsigned char *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, bytes, file) == bytes);
    if (file) fclose(file);
}

/* ---- where it is --------------------------------------------------------------------------------------- */

static void test_places(const Case *c) {
    char entry[600];
    setenv("NNC_CACHE_DIR", in_root("a/b"), 1);
    CHECK(use(c) == 1 && use(c) == 0 && only_entry(in_root("a/b"), entry, sizeof entry));
    setenv("NNC_CACHE_DIR", "", 1);
    CHECK(use(c) == 1 && use(c) == 1);
    unsetenv("NNC_CACHE_DIR");
    setenv("XDG_CACHE_HOME", in_root("xdg"), 1);
    CHECK(use(c) == 1 && use(c) == 0 && only_entry(in_root("xdg/nnc"), entry, sizeof entry));
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", in_root("home"), 1);
    CHECK(use(c) == 1 && use(c) == 0 &&
          only_entry(in_root("home/.cache/nnc"), entry, sizeof entry));
    CHECK(access("relative", F_OK) != 0);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    CHECK(use(c) == 1 && use(c) == 1);
    empty_root();
}

/* Another driver, source or option is another entry. */
static void test_keys(const Case *c) {
    Case other;
    setenv("NNC_CACHE_DIR", root, 1);
    CHECK(use(c) == 1 && use(c) == 0);
    fake->driver = "1.1";
    CHECK(use(c) == 1 && use(c) == 0);
    fake->driver = "1.0";
    CHECK(use(c) == 0);
    case_make(&other);
    other.plan.options = "-cl-std=CL1.2 -cl-mad-enable";
    other.plan.plan_hash = nn_plan_hash(&other.plan);
    CHECK(use(&other) == 1 && use(&other) == 0);
    case_make(&other);
    static char source[sizeof case_source + 1];
    snprintf(source, sizeof source, "%s\n", case_source);
    other.plan.source = source;
    other.plan.source_bytes++;
    other.plan.plan_hash = nn_plan_hash(&other.plan);
    CHECK(use(&other) == 1 && use(&other) == 0 && use(c) == 0);
    fake->device_count = 1;
    CHECK(use(c) == 1 && use(c) == 0);
    fake->device_count = 2;
    empty_root();
}

/* ---- what stands in it ----------------------------------------------------------------------------------- */

static void test_damage(const Case *c) {
    static unsigned char good[8192], bad[8192];
    char entry[600];
    CHECK(use(c) == 1 && only_entry(root, entry, sizeof entry));
    size_t bytes = read_file(entry, good, sizeof good);
    CHECK(bytes > 600 && bytes < sizeof good - 100);
    struct stat info;
    CHECK(stat(entry, &info) == 0 && (info.st_mode & 077) == 0);
    for (size_t i = 0; i < bytes; i++) {
        memcpy(bad, good, bytes);
        bad[i] ^= (unsigned char)(1u << i % 8);
        write_file(entry, bad, bytes);
        CHECK(use(c) == 1);
        CHECK(read_file(entry, bad, sizeof bad) == bytes && memcmp(good, bad, bytes) == 0);
    }
    for (size_t cut = 0; cut < bytes; cut += cut < 120 ? 1 : 37) {
        write_file(entry, good, cut);
        CHECK(use(c) == 1);
    }
    memcpy(bad, good, bytes);
    write_file(entry, bad, bytes + 100);
    CHECK(use(c) == 1 && use(c) == 0);
    /* Of another driver, under this one's name. */
    char copy[600];
    snprintf(copy, sizeof copy, "%s", entry);
    unlink(entry);
    fake->driver = "1.1";
    CHECK(use(c) == 1 && only_entry(root, entry, sizeof entry) && rename(entry, copy) == 0);
    fake->driver = "1.0";
    CHECK(use(c) == 1 && use(c) == 0);
    empty_root();
}

static void test_strange_entries(const Case *c) {
    char entry[600];
    CHECK(use(c) == 1 && only_entry(root, entry, sizeof entry));
    CHECK(rename(entry, in_root("elsewhere")) == 0 && symlink("elsewhere", entry) == 0);
    CHECK(use(c) == 1); /* a link is not followed, but replaced */
    struct stat info;
    CHECK(lstat(entry, &info) == 0 && S_ISREG(info.st_mode) && use(c) == 0);
    unlink(entry);
    CHECK(mkfifo(entry, 0600) == 0 && use(c) == 1 && use(c) == 0);
    unlink(entry);
    CHECK(mkdir(entry, 0700) == 0 && mkdir(in_root("x"), 0700) == 0);
    CHECK(use(c) == 1 && use(c) == 1);
    CHECK(rmdir(in_root("x")) == 0 && rmdir(entry) == 0 && unlink(in_root("elsewhere")) == 0);
    CHECK(!only_entry(root, entry, sizeof entry)); /* nothing half written was left */
    empty_root();
}

/* ---- folders that cannot or must not be used ----------------------------------------------------------------- */

static void test_folders(const Case *c) {
    char entry[600];
    CHECK(use(c) == 1 && use(c) == 0);
    CHECK(chmod(root, 0777) == 0 && use(c) == 1);
    CHECK(chmod(root, 0770) == 0 && use(c) == 1);
    CHECK(chmod(root, 0755) == 0 && use(c) == 0);
    CHECK(symlink(root, in_root("link")) == 0);
    setenv("NNC_CACHE_DIR", in_root("link"), 1);
    CHECK(use(c) == 1);
    unlink(in_root("link"));
    setenv("NNC_CACHE_DIR", "/dev/null", 1);
    CHECK(use(c) == 1);
    setenv("NNC_CACHE_DIR", "/dev/null/below", 1);
    CHECK(use(c) == 1);
    setenv("NNC_CACHE_DIR", "/proc/self", 1); /* nothing can be made there, by root neither */
    CHECK(use(c) == 1);
    char longest[8192];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = 0;
    setenv("NNC_CACHE_DIR", longest, 1);
    CHECK(use(c) == 1);
    setenv("NNC_CACHE_DIR", root, 1);
    CHECK(only_entry(root, entry, sizeof entry));
    empty_root();
    if (geteuid() != 0) { /* root may write where it is read-only, and owns what it meets */
        CHECK(chmod(root, 0500) == 0 && use(c) == 1 && use(c) == 1 && chmod(root, 0700) == 0);
        setenv("NNC_CACHE_DIR", "/usr", 1);
        CHECK(use(c) == 1);
        setenv("NNC_CACHE_DIR", root, 1);
        return;
    }
    CHECK(use(c) == 1 && chown(root, 12345, 12345) == 0 && use(c) == 1 && chown(root, 0, 0) == 0);
    CHECK(only_entry(root, entry, sizeof entry) && chown(entry, 12345, 12345) == 0);
    CHECK(use(c) == 1 && use(c) == 0);
    empty_root();
}

/* A limit on files would kill a process that writes past it. */
static void test_full(const Case *c) {
    static const rlim_t limits[] = {0, 1, 100, 600};
    char entry[600];
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit = {limits[i], limits[i]};
            _exit(setrlimit(RLIMIT_FSIZE, &limit) != 0 || use(c) != 1 || failures != 0);
        }
        int status;
        CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
              WEXITSTATUS(status) == 0);
        CHECK(!only_entry(root, entry, sizeof entry));
    }
}

/* Calls that only serve the cache, and those that build from it, may fail: then the source is compiled. */
static void test_failing_driver(const Case *c) {
    for (int cached = 0; cached < 2; cached++) {
        for (long k = 1;; k++) {
            remove_entries();
            if (cached) use(c);
            fake->calls = 0;
            fake->fail_at = k;
            fake->failed = NULL;
            fake->error = -42;
            Watch watch = {.logged = ""};
            int64_t limit = 20;
            nn_options options = watch_options(&watch, &limit);
            nn_context *context = NULL;
            int is_right = 0;
            nn_status status = nn_plan_create(&c->network, &c->plan, &options, &context);
            fake->fail_at = 0;
            if (status == NN_OK) CHECK(run_case(context, 7, &is_right) == NN_OK && is_right);
            nn_plan_destroy(context);
            for (int kind = 0; kind < FAKE_KINDS; kind++) CHECK(fake->live[kind] == 0);
            CHECK(fake->misuse == 0 && watch.live == 0);
            if (!fake->failed) break;
        }
    }
    empty_root();
}

int main(void) {
    setenv("OCL_ICD_VENDORS", FAKE_VENDORS, 1);
    snprintf(root, sizeof root, "/tmp/nnc-cache-test-XXXXXX");
    if (!mkdtemp(root)) return 1;
    void *library = dlopen(FAKE_ICD, RTLD_NOW | RTLD_LOCAL);
    FakeControlFunction *control = NULL;
    void *symbol = library ? dlsym(library, "fake_icd_control") : NULL;
    size_t count;
    if (!symbol) return 1;
    memcpy(&control, &symbol, sizeof symbol);
    fake = control();
    if (nn_opencl_devices(NULL, 0, &count, NULL) != NN_OK || count != 2) {
        printf("skipped: there is no OpenCL loader that takes drivers from a folder\n");
        return 77;
    }
    Case c;
    case_make(&c);
    test_places(&c);
    test_keys(&c);
    test_damage(&c);
    test_strange_entries(&c);
    test_folders(&c);
    test_full(&c);
    test_failing_driver(&c);
    empty_root();
    rmdir(root);
    return checks_end();
}
