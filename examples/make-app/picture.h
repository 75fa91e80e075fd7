/* A handwritten digit: the first 3 among the test images of ../digits (see its README.md for the source). */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

static const uint8_t picture[64] = {
    0, 0,  9,  16, 13, 6, 0,  0, 0,  0,  6,  5, 16, 16, 0,  0,  0,  0, 0, 8, 15, 5,
    0, 0,  0,  0,  0,  5, 14, 3, 0,  0,  0,  0, 0,  0,  9,  15, 2,  0, 0, 0, 0,  0,
    0, 11, 12, 0,  0,  0, 4,  8, 11, 15, 12, 0, 0,  0,  11, 14, 12, 8, 0, 0,
};

#endif
