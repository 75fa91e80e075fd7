/* A picture from a PNG file, as the networks of ../digits want it. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

enum { SIDE = 8, INK = 16 }; /* pixels in a row and in a column; the value of a pixel full of ink */

typedef enum Paper { WHITE_PAPER, BLACK_PAPER } Paper;

/* Reads any PNG: grey, coloured or with a palette, of any depth and size. What is transparent shows the paper. Each of the 8x8
 * pixels becomes the mean of the area that it covers, from 0 (paper) to 16 (ink): dark ink on white paper, light on black.
 * Null, or what is wrong. */
const char *picture_read(const char *path, Paper paper, uint8_t pixels[SIDE * SIDE]);

#endif
