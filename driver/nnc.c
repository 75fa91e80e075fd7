/* From the command line to one command, and the last line of defence: whatever goes wrong, nnc ends
 * with a documented status and a message, never by a signal. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "driver/commands.h"
#include "ir/op.h"
#include "passes/pass.h"

static int print_passes(void) {
    for (size_t i = 0; i < pass_count; i++) {
        printf("%-18s -O%d  %s\n", pass_table[i].name, pass_table[i].level, pass_table[i].help);
    }
    return EXIT_OK;
}

static int print_text(StrBuf *text) {
    fputs(str_text(text), stdout);
    str_free(text);
    return EXIT_OK;
}

static int print_ops(void) {
    StrBuf text = {0};
    op_table_markdown(&text);
    return print_text(&text);
}

static int print_manual(void) {
    StrBuf text = {0};
    options_manual(NNC_VERSION, &text);
    return print_text(&text);
}

static int print_help(Command command) {
    StrBuf text = {0};
    options_help(command <= COMMAND_DEVICES ? command : COMMAND_COMPILE, &text);
    return print_text(&text);
}

static int run_command(const Options *options, Arena *arena) {
    switch (options->command) {
    case COMMAND_COMPILE: return command_compile(options, arena);
    case COMMAND_RUN: return command_run(options, arena);
    case COMMAND_BENCH: return command_bench(options, arena);
    case COMMAND_VERIFY: return command_verify(options, arena);
    case COMMAND_INFO: return command_info(options, arena);
    case COMMAND_EXPORT: return command_export(options, arena);
    case COMMAND_TUNE: return command_tune(options, arena);
    case COMMAND_OPT: return command_opt(options, arena);
    case COMMAND_DEVICES: return command_devices(options, arena);
    case COMMAND_HELP: return print_help(options->help_for);
    case COMMAND_PRINT_PASSES: return print_passes();
    case COMMAND_PRINT_OPS: return print_ops();
    case COMMAND_PRINT_MAN: return print_manual();
    case COMMAND_VERSION: printf("nnc %s\n", NNC_VERSION); return EXIT_OK;
    }
    unreachable();
}

/* A fault in nnc's own code: only async-signal-safe calls from here. */
static void on_fault(int signal_number) {
    static const char text[] = "nnc: internal error: a fault in the compiler itself. Please report "
                               "it with the network and the "
                               "command line; -dump-dir=DIR keeps the IR.\n";
    (void)signal_number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_DEFECT);
}

static void catch_faults(void *stack, size_t stack_bytes) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    stack_t alternative = {.ss_sp = stack, .ss_size = stack_bytes};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    sigaltstack(&alternative, NULL);
    for (size_t i = 0; i < COUNT_OF(signals); i++) sigaction(signals[i], &action, NULL);
    /* A reader that went away is an error of write(), not a death; a full file size likewise. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int nnc_main(int argc, char **argv) {
    char stack[16384];
    Options options;
    Arena *arena = arena_create();
#if !defined(__SANITIZE_ADDRESS__)
    catch_faults(stack, sizeof stack);
#else
    (void)stack;
#endif
    int status = EXIT_USAGE;
    if (options_parse(argc, argv, arena, &options)) status = run_command(&options, arena);
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        fprintf(stderr, "nnc: error: cannot write to standard output\n");
        status = EXIT_INPUT;
    }
    arena_destroy(arena);
    return status;
}
