#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the letters off a picture of a text screen.

    tests/guest/screen.py FILE.ppm...

The picture is a screendump as PPM. Cells of 8x16 or 9x16 dots (80 columns in 640 or 720, or a frame
buffer console's) are matched with the font of the VGA BIOS, so what is read is what a person would
read; a cell that is not quite a letter (a cursor in it, another font) is the nearest one, and '?' when
none is near. Other tests use read_text().
"""
import sys

FONT_FILE = "/usr/share/seabios/vgabios-stdvga.bin"
CAPITAL_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
ROWS = 16
NEAR = 14	# dots that may differ


class Wrong(Exception):
    pass


def read_ppm(path):
    with open(path, "rb") as f:
        data = f.read()
    fields = data.split(None, 4)
    if len(fields) < 5 or fields[0] != b"P6" or fields[3] != b"255":
        raise Wrong(f"{path}: not a PPM of 8 bits a colour")
    width, height = int(fields[1]), int(fields[2])
    pixels = data[len(data) - width * height * 3:]
    return width, height, pixels


def read_font(path=FONT_FILE):
    """The 256 characters of 8x16 dots, each a number of 128 bits."""
    with open(path, "rb") as f:
        rom = f.read()
    at = rom.find(CAPITAL_A) - ROWS * ord("A")
    if at < 0 or len(rom) < at + 256 * ROWS:
        raise Wrong(f"{path}: has no 8x16 font")
    return [int.from_bytes(rom[at + c * ROWS:at + (c + 1) * ROWS], "big") for c in range(256)]


class Reader:
    def __init__(self, font_file=FONT_FILE):
        self.font = read_font(font_file)
        # Several characters look alike (space, NUL, FFh): the printable one is meant.
        order = [*range(0x20, 0x7f), *range(0x80, 0x100), *range(0x20), 0x7f]
        self.known = {}
        for code in order:
            self.known.setdefault(self.font[code], code)

    def match(self, bits):
        inverse = bits ^ (1 << 128) - 1
        for dots in (bits, inverse):
            if dots in self.known:
                return self.known[dots]
        near = min((bin(glyph ^ dots).count("1"), code) for glyph, code in self.known.items()
                   for dots in (bits, inverse))
        return near[1] if near[0] <= NEAR else ord("?")

    def cell(self, pixels, width, x, y):
        rows = [pixels[((y + r) * width + x) * 3:((y + r) * width + x + 8) * 3] for r in range(ROWS)]
        back = rows[0][:3]
        bits = 0
        for row in rows:
            for i in range(0, 24, 3):
                bits = bits << 1 | (row[i:i + 3] != back)
        return self.match(bits)

    def lines(self, width, height, pixels):
        dots = 9 if width in (720, 1188) else 8
        cache, text = {}, []
        for y in range(0, height - ROWS + 1, ROWS):
            line = bytearray()
            for x in range(0, width - dots + 1, dots):
                key = b"".join(pixels[((y + r) * width + x) * 3:((y + r) * width + x + 8) * 3]
                               for r in range(ROWS))
                if key not in cache:
                    cache[key] = self.cell(pixels, width, x, y)
                line.append(cache[key])
            text.append(line.decode("cp437").rstrip())
        return text


def read_text(path, font_file=FONT_FILE):
    """The lines of the screen in the picture @path, without blanks at their ends."""
    return Reader(font_file).lines(*read_ppm(path))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        print("\n".join(read_text(name)).rstrip())
