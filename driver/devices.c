/* nnc devices: what this machine can run. */
#include <stdio.h>

#include "codegen/target.h"
#include "driver/commands.h"

int command_devices(const Options *options, Arena *arena) {
    (void)options;
    (void)arena;
    printf("%-10s %s\n", "reference", "the interpreter that every target is compared with");
    for (size_t i = 0; i < target_count; i++) {
        StrBuf line = {0};
        bool found = target_table[i]->probe(&line);
        printf("%-10s %s\n", target_table[i]->name,
               found ? str_text(&line) : "cannot run on this machine");
        str_free(&line);
    }
    return EXIT_OK;
}
