/* The table of passes and the default pipeline: the rows of passes.def in their order. */
#include <string.h>

#include "passes/support.h"

const Pass pass_table[] = {
#define PASS(name, function, level, help) {name, function, level, help},
#include "passes/passes.def"
#undef PASS
};

const size_t pass_count = COUNT_OF(pass_table);

const Pass *pass_find(const char *name) {
    for (size_t i = 0; i < pass_count; i++) {
        if (!strcmp(pass_table[i].name, name)) return &pass_table[i];
    }
    return NULL;
}

size_t passes_default(int level, const Pass **passes) {
    size_t count = 0;
    for (size_t i = 0; i < pass_count; i++) {
        if (pass_table[i].level <= level) passes[count++] = &pass_table[i];
    }
    return count;
}
