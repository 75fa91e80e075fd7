/* Says what the networks are: "NAME CLASSES". */
#include "brief.h"

#include <stdio.h>

int other_classes(void);

int main(void) {
    printf("%s %d\n", brief_info()->name, other_classes());
    return 0;
}
