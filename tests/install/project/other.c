#include "other.h"

int other_classes(void);

/* How many outputs the library's network has for each input. */
int other_classes(void) {
    return (int)other_info()->outputs[0].dims[1].code[1];
}
