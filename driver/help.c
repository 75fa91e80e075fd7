/* What nnc says of its own command line: -help and the manual page, both from the tables. */
#include <stdio.h>

#include "driver/option_table.h"

static const struct {
    int status;
    const char *meaning;
} exit_statuses[] = {
    {EXIT_OK, "success"},
    {EXIT_INPUT, "the input is wrong: a diagnostic says where and what"},
    {EXIT_USAGE, "the command line is wrong"},
    {EXIT_MACHINE, "the machine lacks something"},
    {EXIT_DEFECT, "a defect in nnc"},
};

static bool takes(const OptionSpec *spec, Command command) {
    return spec->commands & 1 << command;
}

/* What stands between an option's name and its value. */
static const char *glue(const OptionSpec *spec) {
    if (!*spec->value || spec->kind == LEVEL) return "";
    return option_value_is_optional(spec) ? "[=" : "=";
}

/* ---- -help ----------------------------------------------------------------------------------- */

static void help_command(const CommandSpec *command, StrBuf *out) {
    str_printf(out, "usage: %s\n%s\n\noptions (one dash or two, = or a blank):\n", command->usage,
               command->help);
    for (size_t i = 0; i < option_count; i++) {
        const OptionSpec *spec = &option_table[i];
        if (!takes(spec, command->command)) continue;
        char left[64];
        snprintf(left, sizeof left, "-%s%s%s%s", spec->name, glue(spec), spec->value,
                 option_value_is_optional(spec) ? "]" : "");
        str_printf(out, "  %-28s %s\n", left, spec->help);
    }
    str_printf(out, "\nexamples:\n%s", command->examples);
}

void options_help(Command command, StrBuf *out) {
    if (command == COMMAND_COMPILE) {
        str_append(out, "nnc compiles neural networks ahead of time.\n\n");
        for (size_t c = 0; c < command_count; c++)
            str_printf(out, "  %-58s %s\n", command_table[c].usage, command_table[c].help);
        str_append(out, "\nnnc COMMAND -help shows one command's options.\n\n");
    }
    for (size_t c = 0; c < command_count; c++) {
        if (command_table[c].command == command) help_command(&command_table[c], out);
    }
    if (command != COMMAND_COMPILE) return;
    str_append(out, "\nexit status:\n");
    for (size_t i = 0; i < COUNT_OF(exit_statuses); i++)
        str_printf(out, "  %2d  %s\n", exit_statuses[i].status, exit_statuses[i].meaning);
}

/* ---- the manual page ------------------------------------------------------------------------- */

/* Text as roff prints it: a dash that can be copied into a shell, no escapes, no control lines. */
static void append_roff(StrBuf *out, const char *text) {
    bool line_begins = true;
    for (const char *c = text; *c; c++) {
        if (line_begins && (*c == '.' || *c == '\'')) str_append(out, "\\&");
        if (*c == '-') {
            str_append(out, "\\-");
        } else if (*c == '\\') {
            str_append(out, "\\e");
        } else {
            str_putc(out, *c);
        }
        line_begins = *c == '\n';
    }
}

static void manual_commands(StrBuf *out) {
    str_append(out, ".SH COMMANDS\n");
    for (size_t c = 0; c < command_count; c++) {
        str_append(out, ".TP\n.B ");
        append_roff(out, command_table[c].usage);
        str_append(out, "\n");
        append_roff(out, command_table[c].help);
        str_append(out, ".\n");
    }
}

/* "Commands: run, bench." for an option that not all take; compiling goes by the
 * name of compile. */
static void manual_who_takes(const OptionSpec *spec, StrBuf *out) {
    size_t count = 0;
    for (size_t c = 0; c < command_count; c++) count += takes(spec, command_table[c].command);
    if (count == command_count) return;
    const char *before = count == 1 ? "Command: " : "Commands: ";
    for (size_t c = 0; c < command_count; c++) {
        if (!takes(spec, command_table[c].command)) continue;
        str_printf(out, "%s%s", before, command_table[c].name ? command_table[c].name : "compile");
        before = ", ";
    }
    str_append(out, ".\n");
}

static void manual_options(StrBuf *out) {
    str_append(out, ".SH OPTIONS\n"
                    "One dash or two, the value after = or as the next word.\n");
    for (size_t i = 0; i < option_count; i++) {
        const OptionSpec *spec = &option_table[i];
        str_append(out, ".TP\n\\fB\\-");
        append_roff(out, spec->name);
        str_printf(out, "\\fR%s\\fI", glue(spec));
        append_roff(out, spec->value);
        str_printf(out, "\\fR%s\n", option_value_is_optional(spec) ? "]" : "");
        append_roff(out, spec->help);
        str_append(out, ".\n");
        manual_who_takes(spec, out);
    }
}

static void manual_examples(StrBuf *out) {
    str_append(out, ".SH EXAMPLES\n.nf\n");
    for (size_t c = 0; c < command_count; c++) append_roff(out, command_table[c].examples);
    str_append(out, ".fi\n");
}

void options_manual(const char *version, StrBuf *out) {
    str_printf(out,
               ".TH NNC 1 \"\" \"nnc %s\" \"User Commands\"\n"
               ".SH NAME\nnnc \\- compile neural networks ahead of time\n"
               ".SH SYNOPSIS\n.nf\n",
               version);
    for (size_t c = 0; c < command_count; c++) {
        str_append(out, ".B ");
        append_roff(out, command_table[c].usage);
        str_append(out, "\n");
    }
    str_append(out, ".fi\n.SH DESCRIPTION\n"
                    "A network is a short text, a graph of layers by their usual names.\n.B nnc\n"
                    "checks it, optimizes it and turns it into machine code: an object file and a "
                    "C header,\nwith the weights inside.\n");
    manual_commands(out);
    manual_options(out);
    manual_examples(out);
    str_append(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < COUNT_OF(exit_statuses); i++) {
        str_printf(out, ".TP\n.B %d\n", exit_statuses[i].status);
        append_roff(out, exit_statuses[i].meaning);
        str_append(out, ".\n");
    }
}
