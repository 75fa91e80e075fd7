/* What the firmware asks of its board: a console and an end. */
#ifndef BOARD_H
#define BOARD_H

void board_put(int character);
_Noreturn void board_halt(int status);

/* The firmware's side; called once. */
void firmware_main(void);

#endif
