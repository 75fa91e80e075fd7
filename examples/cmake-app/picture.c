#include "picture.h"

#include <png.h>
#include <stdlib.h>

enum { LARGEST_SIDE = 1 << 14 };

/* What part of the source pixel [i, i + 1) lies in cell k, of SIDE cells across length pixels. */
static double covered(unsigned i, unsigned k, unsigned length) {
    double cell = (double)length / (double)SIDE, begin = k * cell, end = (k + 1) * cell;
    double from = i > begin ? i : begin, to = i + 1 < end ? i + 1 : end;
    return to - from;
}

/* Mean brightness, 0 to 255, of cell (row, column). */
static double mean(const uint8_t *grey, unsigned width, unsigned height, unsigned row,
                   unsigned column) {
    double sum = 0, area = 0;
    for (unsigned y = row * height / SIDE; y * SIDE < (row + 1) * height; y++) {
        for (unsigned x = column * width / SIDE; x * SIDE < (column + 1) * width; x++) {
            double part = covered(y, row, height) * covered(x, column, width);
            sum += part * grey[(size_t)y * width + x];
            area += part;
        }
    }
    return sum / area;
}

/* Grey and alpha, two bytes a pixel, become grey on the paper; in place. */
static void lay_on_paper(uint8_t *pixels, size_t count, Paper paper) {
    unsigned behind = paper == WHITE_PAPER ? 255 : 0;
    for (size_t i = 0; i < count; i++) {
        unsigned grey = pixels[2 * i], alpha = pixels[2 * i + 1];
        pixels[i] = (uint8_t)((grey * alpha + behind * (255 - alpha) + 127) / 255);
    }
}

static void shrink(const uint8_t *grey, unsigned width, unsigned height, Paper paper,
                   uint8_t *pixels) {
    for (unsigned row = 0; row < SIDE; row++) {
        for (unsigned column = 0; column < SIDE; column++) {
            double light = mean(grey, width, height, row, column);
            double ink = paper == WHITE_PAPER ? 255 - light : light;
            pixels[row * SIDE + column] = (uint8_t)(ink * (double)INK / 255 + 0.5);
        }
    }
}

const char *picture_read(const char *path, Paper paper, uint8_t pixels[SIDE * SIDE]) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, path))
        return "it cannot be read, or is no PNG file";
    if (image.width > LARGEST_SIDE || image.height > LARGEST_SIDE) {
        png_image_free(&image);
        return "it is too large";
    }
    image.format = PNG_FORMAT_GA; /* libpng converts palettes, depths and colours */
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    uint8_t *grey = malloc(PNG_IMAGE_SIZE(image));
    const char *fault = NULL;
    if (!grey) {
        fault = "there is no memory for it";
        png_image_free(&image);
    } else if (!png_image_finish_read(&image, NULL, grey, 0, NULL)) {
        fault = "it is damaged";
    } else {
        lay_on_paper(grey, (size_t)image.width * image.height, paper);
        shrink(grey, image.width, image.height, paper, pixels);
    }
    free(grey);
    return fault;
}
