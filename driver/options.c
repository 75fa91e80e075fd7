#define _GNU_SOURCE
#include "driver/option_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- commands -------------------------------------------------------------------------------- */

enum { /* which commands take an option */
       C = 1 << COMMAND_COMPILE,
       R = 1 << COMMAND_RUN,
       B = 1 << COMMAND_BENCH,
       V = 1 << COMMAND_VERIFY,
       I = 1 << COMMAND_INFO,
       X = 1 << COMMAND_EXPORT,
       P = 1 << COMMAND_OPT,
       D = 1 << COMMAND_DEVICES,
       T = 1 << COMMAND_TUNE,
       COMPILED = C | R | B | V | I,
       NETWORK = COMPILED | T,
       ALL = NETWORK | X | P | D,
};

const CommandSpec command_table[] = {
    {NULL, COMMAND_COMPILE, "nnc NET.nn [options]", "compile a network",
     "  nnc net.nn                        net.o and net.h for this machine\n"
     "  nnc net.nn -emit=so -o net.so     a loadable object\n"
     "  nnc net.nn -emit=loops            print the kernels as loop IR\n"
     "  nnc net.nn -mtriple=aarch64-linux-gnu -bind N=1\n"},
    {"run", COMMAND_RUN, "nnc run NET.nn|NET.so -input NAME=FILE.npy [options]",
     "compile in memory and run once",
     "  nnc run net.nn -input image=x.npy\n"
     "  nnc run net.nn -target=reference -input image=x.npy -output probs=y.npy\n"
     "  nnc run net.nn -input image=random -check\n"},
    {"bench", COMMAND_BENCH, "nnc bench NET.nn|NET.so [options]", "measure latency",
     "  nnc bench net.nn -threads=1\n"
     "  nnc bench net.nn -bind N=8 -json\n"
     "  nnc bench net.nn -bind N=1 -profile -plot=roofline.svg -trace=trace.json\n"},
    {"verify", COMMAND_VERIFY, "nnc verify NET.nn [options]",
     "compare all targets with the reference on generated inputs",
     "  nnc verify net.nn\n"
     "  nnc verify net.nn -targets=cpu -n=3\n"},
    {"info", COMMAND_INFO, "nnc info NET.nn [options]",
     "show inputs, outputs, parameters, operations, memory and layers", "  nnc info net.nn\n"},
    {"export", COMMAND_EXPORT, "nnc export NET.nn [-o NET.onnx] [options]",
     "write a network as an ONNX model",
     "  nnc export net.nn                 net.onnx with the weights inside\n"
     "  nnc export net.nn -weights-out=external -bind N=1 -o net.onnx\n"},
    {"tune", COMMAND_TUNE, "nnc tune NET.nn [-o NET.tune] [options]",
     "measure plans of the network's layers on this machine and keep the best",
     "  nnc tune net.nn -bind N=1 -threads=1      net.tune\n"
     "  nnc net.nn -bind N=1 -tune=net.tune\n"
     "  nnc tune net.nn -minutes=2                as far as that goes; called again it goes on\n"},
    {"opt", COMMAND_OPT, "nnc opt DUMP.nnir -passes=A,B [options]", "run passes on a saved IR dump",
     "  nnc net.nn -emit=graph -passes= -o net.nnir\n"
     "  nnc opt net.nnir -passes=cse,dce\n"},
    {"devices", COMMAND_DEVICES, "nnc devices", "show what this machine can run",
     "  nnc devices\n"},
};
const size_t command_count = COUNT_OF(command_table);

/* ---- options --------------------------------------------------------------------------------- */

#define AT(member) offsetof(Options, member), 0
const OptionSpec option_table[] = {
    {"target", TEXT, NETWORK, AT(target), "NAME",
     "cpu (default), opencl, hls; run also takes reference"},
    {"o", TEXT, C | X | P | T, AT(output_path), "PATH", "output file; - is standard output"},
    {"emit", TEXT, C, AT(emit), "KIND",
     "ast, graph, loops, onnx; cpu: obj, so, asm, llvm; opencl: c, opencl; hls: hls"},
    {"weights", TEXT, NETWORK | X | P, AT(weights), "FILE",
     ".safetensors, .npz, or random[:SEED]; default: the file named like the source"},
    {"weights-out", TEXT, C | X, AT(weights_out), "external",
     "write the weights to a file of their own"},
    {"Wextra-weights", TEXT, NETWORK | X, AT(extra_weights), "error",
     "refuse tensors the network does not use"},
    {"bind", NAMED, NETWORK | X | P, AT(binds), "N=8", "give a symbol its value"},
    {"network", TEXT, NETWORK | X, AT(network), "NAME", "which network of the file"},
    {"prefix", TEXT, C, AT(prefix), "NAME", "of the generated names; default: the network's name"},
    {"I", LIST, NETWORK | X, AT(search), "DIR",
     "where imports are looked for besides the file's folder"},
    {"O", LEVEL, NETWORK, AT(level), "0..3", "how much to optimize; default 2"},
    {"passes", TEXT, NETWORK | P, AT(passes), "A,B,C", "run exactly these passes"},
    {"quantize", TEXT, NETWORK, AT(quantize), "delta:D", "store weights as round(w / D)"},
    {"report", TEXT, NETWORK, AT(report), "FILE",
     "write the report of quantization there, not to stderr"},
    {"tune", FILES, COMPILED, 0, 0, "FILE", "take plans that nnc tune measured; may be repeated"},
    {"fp", TEXT, NETWORK, AT(fp), "strict|fast",
     "floating point: strict (default) keeps the fixed order"},
    {"precision", TEXT, NETWORK, AT(precision), "f32|bf16",
     "operands of f32 products and convolutions; sums and all else stay f32"},
    {"mcpu", TEXT, NETWORK | P, AT(cpu), "NAME", "processor, as in LLVM; default: this machine's"},
    {"mtriple", TEXT, C | I | P, AT(triple), "TRIPLE", "machine to compile for"},
    {"mattr", TEXT, NETWORK | P, AT(features), "+A,-B", "processor features"},
    {"multiversion", VERSIONS, C, AT(levels), "A,B,C",
     "code for several processors in one object, chosen when it starts; default: x86-64-v2, v3, "
     "v4"},
    {"device", TEXT, NETWORK, AT(device), "NAME", "a target description"},
    {"threads", NUMBER, R | B | V | T, AT(threads), "N", "threads; default: one for each core"},
    {"jobs", NUMBER, NETWORK, AT(jobs), "N", "threads that compile; default: one for each core"},
    {"input", NAMED, R, AT(inputs), "NAME=FILE.npy", "an input; random[:SEED] for a generated one"},
    {"output", NAMED, R, AT(outputs), "NAME=FILE.npy",
     "where to write an output; default: print it"},
    {"check", FLAG, R, AT(check), "", "compare with the reference"},
    {"n", NUMBER, V | B, AT(runs), "N", "verify: how many inputs (8); bench: runs"},
    {"seconds", REAL, B | T, AT(seconds), "S",
     "bench: least time to measure, default 1; tune: time limit"},
    {"minutes", REAL, T, AT(minutes), "M", "time limit"},
    {"fresh", FLAG, T, AT(fresh), "", "measure anew what the file has already"},
    {"json", FLAG, B | I, AT(json), "", "print one JSON object"},
    {"profile", FLAG, B, AT(profile), "",
     "for each kernel: time, share, GFLOP/s, GB/s and share of the limit that binds it"},
    {"sort", TEXT, B, AT(sort), "time|order",
     "kernels of a profile: slowest first (default), or as run"},
    {"trace", TEXT, B, AT(trace), "FILE.json", "write a profile's runs as a trace for Perfetto"},
    {"plot", TEXT, B, AT(plot), "FILE.svg", "draw a profile's roofline"},
    {"cold-weights", FLAG, B, AT(cold_weights), "",
     "every run finds its weights in memory, not in a cache (cpu)"},
    {"fresh-limits", FLAG, B, AT(fresh_limits), "", "measure the machine's limits anew"},
    {"targets", TEXT, V, AT(targets), "A,B", "which targets; default: all that run here"},
    {"MF", TEXT, C | X, AT(depfile), "FILE", "write a dependency file for make"},
    {"dump-ir", DUMP, NETWORK | P, AT(dump_ir), "before|after:PASS",
     "print the graph around a pass, or around all"},
    {"dump-dir", TEXT, NETWORK | P, AT(dump_dir), "DIR", "write dumps to numbered files there"},
    {"time-passes", FLAG, NETWORK | X | P, AT(time_passes), "", "print how long each stage took"},
    {"verify", FLAG, NETWORK | P, AT(verify), "", "run the IR verifier after every pass"},
    {"v", FLAG, NETWORK | X | P, AT(verbose), "", "say what is done"},
    {"print-passes", ACTION, ALL, 0, COMMAND_PRINT_PASSES, "", "list the passes"},
    {"print-ops", ACTION, ALL, 0, COMMAND_PRINT_OPS, "", "print the operator table as Markdown"},
    {"print-man", ACTION, ALL, 0, COMMAND_PRINT_MAN, "", "print the manual page, as roff"},
    {"version", ACTION, ALL, 0, COMMAND_VERSION, "", "print the version"},
    {"help", ACTION, ALL, 0, COMMAND_HELP, "", "print this"},
};
const size_t option_count = COUNT_OF(option_table);

bool options_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("nnc: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return false;
}

/* "-O2" has its value glued on; every other option is NAME or NAME=VALUE. */
static const OptionSpec *find_spec(const char *text, const char **value) {
    size_t length = strcspn(text, "=");
    *value = text[length] ? text + length + 1 : NULL;
    for (size_t i = 0; i < option_count; i++) {
        if (strlen(option_table[i].name) == length &&
            strncmp(option_table[i].name, text, length) == 0)
            return &option_table[i];
    }
    for (size_t i = 0; i < option_count; i++) {
        if ((option_table[i].kind == LEVEL || option_table[i].kind == LIST) &&
            text[0] == option_table[i].name[0]) {
            *value = text + 1;
            return &option_table[i];
        }
    }
    return NULL;
}

static bool set_number(const OptionSpec *spec, const char *value, void *member) {
    char *end;
    errno = 0;
    if (spec->kind == REAL) {
        double number = strtod(value, &end);
        if (errno || *end || end == value || !(number > 0 && number < 1e6)) {
            return options_complain("-%s takes a positive number, found '%s'", spec->name, value);
        }
        *(double *)member = number;
        return true;
    }
    long long number = strtoll(value, &end, 10);
    if (errno || *end || end == value || number < 1 || number > 1000000) {
        return options_complain("-%s takes a whole number from 1 to 1000000, found '%s'",
                                spec->name, value);
    }
    *(int64_t *)member = number;
    return true;
}

static bool set_option(const OptionSpec *spec, const char *value, Arena *arena, Options *options) {
    void *member = (char *)options + spec->offset;
    switch (spec->kind) {
    case TEXT: *(const char **)member = value; return true;
    case FLAG: *(bool *)member = true; return true;
    case NUMBER:
    case REAL: return set_number(spec, value, member);
    case LEVEL:
        if (value[0] < '0' || value[0] > '3' || value[1])
            return options_complain("-O takes 0 to 3, found '%s'", value);
        options->level = value[0] - '0';
        return true;
    case LIST: vec_push(arena, &options->search, value); return true;
    case FILES: vec_push(arena, &options->tunes, value); return true;
    case NAMED: {
        const char *equals = strchr(value, '=');
        if (!equals || equals == value || !equals[1]) {
            return options_complain("-%s takes %s, found '%s'", spec->name, spec->value, value);
        }
        NamedText named = {arena_strndup(arena, value, (size_t)(equals - value)), equals + 1};
        NamedTexts *list = member;
        vec_push(arena, list, named);
        return true;
    }
    case DUMP:
        options->dump_all = !value;
        options->dump_ir = value;
        return true;
    case VERSIONS:
        options->multiversion = true;
        options->levels = value;
        return true;
    case ACTION:
        options->help_for = options->command;
        options->command = (Command)spec->action;
        return true;
    }
    unreachable();
}

static bool unknown_option(const char *argument, const char *name) {
    const char *best = NULL;
    int least = 3;
    for (size_t i = 0; i < option_count; i++) {
        char given[64];
        snprintf(given, sizeof given, "%.*s", (int)strcspn(name, "="), name);
        int distance = edit_distance(given, option_table[i].name);
        if (distance < least) {
            least = distance;
            best = option_table[i].name;
        }
    }
    if (best) return options_complain("unknown option '%s'; did you mean '-%s'?", argument, best);
    return options_complain("unknown option '%s'; nnc -help lists them", argument);
}

static bool takes_value(const OptionSpec *spec) {
    return spec->kind != FLAG && spec->kind != ACTION && !option_value_is_optional(spec);
}

static bool parse_option(int argc, char **argv, int *i, Arena *arena, Options *options) {
    const char *argument = argv[*i], *name = argument + (argument[1] == '-' ? 2 : 1), *value;
    const OptionSpec *spec = find_spec(name, &value);
    if (!spec) return unknown_option(argument, name);
    Command command = options->command;
    if (command <= COMMAND_DEVICES && !(spec->commands & 1 << command)) {
        return options_complain("option '-%s' does not go with this command; see nnc -help",
                                spec->name);
    }
    if (!takes_value(spec) && !option_value_is_optional(spec) && value) {
        return options_complain("option '-%s' takes no value", spec->name);
    }
    if (takes_value(spec) &&
        (!value || (spec->kind == LEVEL && !*value) || (spec->kind == LIST && !*value))) {
        if (*i + 1 >= argc)
            return options_complain("option '-%s' needs a value: %s", spec->name, spec->value);
        value = argv[++*i];
    }
    return set_option(spec, value, arena, options);
}

/* A name that is given two values means one of them, and nobody knows which. */
static bool check_once(const char *option, const NamedTexts *list) {
    for (size_t i = 0; i < list->len; i++) {
        for (size_t k = 0; k < i; k++) {
            const NamedText *a = &list->data[k], *b = &list->data[i];
            if (strcmp(a->name, b->name) != 0 || strcmp(a->text, b->text) == 0) continue;
            return options_complain("-%s gives %s two values, '%s' and '%s'", option, a->name,
                                    a->text, b->text);
        }
    }
    return true;
}

static bool check_paths(const Options *options) {
    const struct {
        const char *option, *path;
    } paths[] = {{"o", options->output_path}, {"MF", options->depfile},
                 {"report", options->report}, {"trace", options->trace},
                 {"plot", options->plot},     {"dump-dir", options->dump_dir}};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (paths[i].path && !*paths[i].path)
            return options_complain("-%s needs a name, found ''", paths[i].option);
        for (size_t k = 0; k < i && paths[i].path; k++) {
            if (paths[k].path && strcmp(paths[i].path, paths[k].path) == 0)
                return options_complain("-%s and -%s both name '%s'", paths[k].option,
                                        paths[i].option, paths[i].path);
        }
    }
    return true;
}

/* Threads beyond a few for each core only wait for each other, and thousands for a long time. */
static void limit_threads(const char *option, int64_t *threads) {
    enum { FOR_EACH_CORE = 4 };
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t most = (cores > 0 ? cores : 1) * (int64_t)FOR_EACH_CORE;
    if (*threads <= most) return;
    fprintf(stderr, "nnc: note: -%s=%lld: %lld threads are used, %d for each core\n", option,
            (long long)*threads, (long long)most, FOR_EACH_CORE);
    *threads = most;
}

/* What each command cannot do without. */
static bool check_complete(const Options *options) {
    if (options->command == COMMAND_DEVICES && options->file)
        return options_complain("devices takes no file, found '%s'", options->file);
    if (options->command > COMMAND_OPT) return true;
    if (!options->file) return options_complain("no input file; nnc -help shows how to call it");
    if (options->command == COMMAND_OPT && !options->passes)
        return options_complain("opt needs -passes=A,B");
    if (options->weights_out && strcmp(options->weights_out, "external") != 0) {
        return options_complain("-weights-out takes external, found '%s'", options->weights_out);
    }
    if (options->extra_weights && strcmp(options->extra_weights, "error") != 0) {
        return options_complain("-Wextra-weights takes error, found '%s'", options->extra_weights);
    }
    if (options->sort && strcmp(options->sort, "time") != 0 &&
        strcmp(options->sort, "order") != 0) {
        return options_complain("-sort takes time or order, found '%s'", options->sort);
    }
    if (options->fp && strcmp(options->fp, "strict") != 0 && strcmp(options->fp, "fast") != 0) {
        return options_complain("-fp takes strict or fast, found '%s'", options->fp);
    }
    if (options->precision && strcmp(options->precision, "f32") != 0 &&
        strcmp(options->precision, "bf16") != 0) {
        return options_complain("-precision takes f32 or bf16, found '%s'", options->precision);
    }
    return true;
}

bool options_parse(int argc, char **argv, Arena *arena, Options *options) {
    *options = (Options){.command = COMMAND_COMPILE, .level = 2};
    int i = 1;
    for (size_t c = 0; argc > 1 && c < command_count; c++) {
        if (command_table[c].name && strcmp(argv[1], command_table[c].name) == 0) {
            options->command = command_table[c].command;
            i = 2;
        }
    }
    if (argc > 1 && strcmp(argv[1], "help") == 0) {
        options->command = COMMAND_HELP;
        i = 2;
    }
    for (bool only_files = false; i < argc; i++) {
        if (!only_files && strcmp(argv[i], "--") == 0) {
            only_files = true;
        } else if (!only_files && argv[i][0] == '-' && argv[i][1]) {
            if (!parse_option(argc, argv, &i, arena, options)) return false;
        } else if (options->file) {
            return options_complain("more than one input file: '%s' and '%s'", options->file,
                                    argv[i]);
        } else {
            options->file = argv[i];
        }
    }
    limit_threads("threads", &options->threads);
    limit_threads("jobs", &options->jobs);
    return check_complete(options) && check_once("bind", &options->binds) &&
           check_once("input", &options->inputs) && check_paths(options);
}
