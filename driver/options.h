/* The command line: one table of options for all commands. */
#ifndef NNC_DRIVER_OPTIONS_H
#define NNC_DRIVER_OPTIONS_H

#include "ir/base/base.h"

typedef enum Command {
    COMMAND_COMPILE,
    COMMAND_RUN,
    COMMAND_BENCH,
    COMMAND_VERIFY,
    COMMAND_INFO,
    COMMAND_EXPORT,
    COMMAND_TUNE,
    COMMAND_OPT,
    COMMAND_DEVICES,
    COMMAND_HELP, /* text was asked for and is printed by options_help */
    COMMAND_VERSION,
    COMMAND_PRINT_PASSES,
    COMMAND_PRINT_OPS,
    COMMAND_PRINT_MAN,
} Command;

/* NAME=TEXT as given by -input, -output, -bind. */
typedef struct NamedText {
    const char *name, *text;
} NamedText;

typedef VEC(NamedText) NamedTexts;

typedef struct Options {
    Command command;
    Command help_for;
    const char *file; /* the network, artifact or dump */
    const char *target, *output_path, *emit, *network, *prefix, *weights, *device;
    const char *cpu, *triple, *features, *passes, *targets, *quantize, *fp, *precision, *report,
        *weights_out;
    const char *dump_ir, *dump_dir, *extra_weights, *depfile;
    const char *trace, *plot, *sort; /* bench */
    const char *levels;              /* of -multiversion; null: the usual ones */
    bool multiversion;
    bool dump_all, time_passes, verify, verbose, json, check;
    bool profile, fresh_limits, cold_weights, fresh;
    int level;       /* -O0..-O3 */
    int64_t threads; /* 0: not given */
    int64_t jobs;    /* threads that compile; 0: not given */
    int64_t runs;    /* -n */
    double seconds;  /* bench: least time to measure; tune: time limit */
    double minutes;  /* tune: the same, added */
    NamedTexts inputs, outputs, binds;
    VEC(const char *) search, tunes;
} Options;

/* Parses argv. False with a message on stderr where the command line is wrong (exit status 2). */
bool options_parse(int argc, char **argv, Arena *arena, Options *options);
/* Says on stderr what is wrong with the command line; always false. */
bool options_complain(const char *format, ...) PRINTF_LIKE(1, 2);
/* Text of -help for a command. */
void options_help(Command command, StrBuf *out);
/* The manual page of all commands, in roff's man macros. */
void options_manual(const char *version, StrBuf *out);

#endif
