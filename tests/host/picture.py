# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures that a machine has made, for tests to look at: width, height, rows of (r, g, b) bytes."""
import struct
import zlib


def png(data):
    """Of a PNG with 8 bits a colour."""
    at, chunks = 8, {}
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        chunks[kind] = chunks.get(kind, b"") + data[at + 8:at + 8 + n]
        at += n + 12
    w, h, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    per = {2: 3, 6: 4}[colours]
    if depth != 8:
        raise ValueError(f"{depth} bits")
    raw, rows, last = zlib.decompress(chunks[b"IDAT"]), [], bytes(w * per)
    for y in range(h):
        how, row = raw[y * (w * per + 1)], bytearray(raw[y * (w * per + 1) + 1:][:w * per])
        for i in range(w * per if how else 0):
            a, b, c = (row[i - per], last[i], last[i - per]) if i >= per else (0, last[i], 0)
            p = a + b - c
            best = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, best)[how]) & 0xff
        last = row
        rows.append(row if per == 3 else bytes(v for i, v in enumerate(row) if i % 4 != 3))
    return w, h, rows


def ppm(data):
    """Of a PPM without comments, as bytes."""
    kind, size, most, pixels = data.split(b"\n", 3)
    w, h = map(int, size.split())
    if kind != b"P6" or most != b"255" or len(pixels) != 3 * w * h:
        raise ValueError(f"{kind} {size} {most} and {len(pixels)} bytes")
    return w, h, [pixels[3 * w * y:3 * w * (y + 1)] for y in range(h)]
