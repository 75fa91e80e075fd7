#include "driver/commands.h"

int main(int argc, char **argv) {
    return nnc_main(argc, argv);
}
