#include "codegen/target.h"

#include <string.h>

const Target *const target_table[] = {&target_cpu, &target_opencl, &target_hls};
const size_t target_count = COUNT_OF(target_table);

const Target *target_find(const char *name) {
    for (size_t i = 0; i < target_count; i++) {
        if (strcmp(target_table[i]->name, name) == 0) return target_table[i];
    }
    return NULL;
}
