/* A board for qemu-aarch64: the console and the end are Linux system calls; a real board has registers here. */
#include "board.h"

enum { SYS_WRITE = 64, SYS_EXIT = 93 };

static long system_call(long number, long a, long b, long c) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}

void board_put(int character) {
    char byte = (char)character;
    system_call(SYS_WRITE, 1, (long)&byte, 1);
}

_Noreturn void board_halt(int status) {
    for (;;) system_call(SYS_EXIT, status, 0, 0);
}

_Noreturn void _start(void);
_Noreturn void _start(void) {
    firmware_main();
    board_halt(1);
}
