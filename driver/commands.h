/* One function a command; each returns the exit status. */
#ifndef NNC_DRIVER_COMMANDS_H
#define NNC_DRIVER_COMMANDS_H

#include "driver/options.h"

int command_compile(const Options *options, Arena *arena);
int command_run(const Options *options, Arena *arena);
int command_bench(const Options *options, Arena *arena);
int command_verify(const Options *options, Arena *arena);
int command_export(const Options *options, Arena *arena);
int command_info(const Options *options, Arena *arena);
int command_tune(const Options *options, Arena *arena);
int command_opt(const Options *options, Arena *arena);
int command_devices(const Options *options, Arena *arena);

/* The whole program: parses the command line and runs one command. */
int nnc_main(int argc, char **argv);

#endif
