#!/usr/bin/env python3
"""Makes digits/*.png from the test images of ../digits: the first of each digit, and some again in other formats and sizes.

Needs NumPy only. The file's name begins with the digit.
"""
import pathlib
import struct
import zlib

import numpy as np

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parent / "digits"
GREY, RGB, PALETTE, RGBA = 0, 2, 3, 6  # colour types of the PNG specification


def write_png(path, samples, colour, depth=8, palette=None):
    """samples: [height, width, channels]; of 8 or 16 bits each, or less packed into bytes for a palette."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    if depth < 8:
        bits = np.unpackbits(rows.astype("u1")[..., None], axis=2)[..., 8 - depth:]
        rows = np.packbits(bits.reshape(height, -1), axis=1)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    colours = chunk(b"PLTE", bytes(palette)) if palette else b""
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + colours + chunk(b"IDAT", zlib.compress(data, 9)) +
                     chunk(b"IEND", b""))


def enlarge(values, height, width):
    """Nearest neighbour: pixel (y, x) of the result shows the source's pixel that its centre falls on."""
    rows = ((np.arange(height) + 0.5) * 8 / height).astype(int)
    columns = ((np.arange(width) + 0.5) * 8 / width).astype(int)
    return values[np.ix_(rows, columns)]


def main():
    images = np.load(SOURCE / "test_images.npy")
    labels = np.load(SOURCE / "test_labels.npy")
    ink = [images[np.flatnonzero(labels == digit)[0]] / 16 for digit in range(10)]  # 0 paper, 1 ink
    out = HERE / "digits"
    out.mkdir(exist_ok=True)

    for digit in range(10):
        grey = np.rint(255 * (1 - enlarge(ink[digit], 64, 64)))
        write_png(out / f"{digit}.png", grey[..., None], GREY)
    write_png(out / "1-8x8.png", np.rint(255 * (1 - ink[1]))[..., None], GREY)
    write_png(out / "2-16-bit.png", np.rint(65535 * (1 - enlarge(ink[2], 24, 24)))[..., None], GREY, depth=16)
    blue = np.stack([np.rint(255 * (1 - enlarge(ink[4], 50, 50) * part)) for part in (1, 1, 0.6)], axis=2)
    write_png(out / "4-blue-ink.png", blue, RGB)
    write_png(out / "5-palette-100x52.png", np.rint(15 * enlarge(ink[5], 52, 100))[..., None], PALETTE, depth=4,
              palette=[255 - 17 * i for i in range(16) for _ in range(3)])
    alpha = np.rint(255 * enlarge(ink[6], 32, 32))
    write_png(out / "6-transparent.png", np.stack([0 * alpha, 0 * alpha, 0 * alpha, alpha], axis=2), RGBA)
    write_png(out / "7-white-ink.png", np.rint(255 * enlarge(ink[7], 64, 64))[..., None], GREY)


if __name__ == "__main__":
    main()
