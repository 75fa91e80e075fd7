/* The tables of commands and options, for those that read the command line and those
 * that describe it. */
#ifndef NNC_DRIVER_OPTION_TABLE_H
#define NNC_DRIVER_OPTION_TABLE_H

#include "driver/options.h"

typedef struct CommandSpec {
    const char *name; /* null: the default command, which has no word */
    Command command;
    const char *usage, *help, *examples;
} CommandSpec;

typedef enum OptionKind {
    TEXT,
    FLAG,
    NUMBER,
    REAL,
    NAMED,
    LIST,
    FILES,
    LEVEL,
    DUMP,
    VERSIONS,
    ACTION
} OptionKind;

typedef struct OptionSpec {
    const char *name;
    OptionKind kind;
    int commands;      /* a bit 1 << COMMAND_* for each that takes it */
    size_t offset;     /* of the member in Options */
    int action;        /* ACTION: the command it stands for */
    const char *value; /* what the help shows for the value */
    const char *help;
} OptionSpec;

/* -NAME or -NAME=VALUE; never the next word. */
static inline bool option_value_is_optional(const OptionSpec *spec) {
    return spec->kind == DUMP || spec->kind == VERSIONS;
}

extern const CommandSpec command_table[];
extern const size_t command_count;
extern const OptionSpec option_table[];
extern const size_t option_count;

#endif
