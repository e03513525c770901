# SPDX-License-Identifier: LGPL-2.1-or-later
"""A VNC viewer for tests: RFB 3.8 (RFC 6143), raw pixels; the standard library and openssl."""
import socket
import struct
import subprocess
import time

RAW, RESIZE, KEYS, MOTION, LEDS = 0, -223, -258, -257, -261


def des(password, challenge):
    """The protocol's answer: DES, with every byte of the key turned round."""
    key = bytes(int(f"{b:08b}"[::-1], 2) for b in password.encode()[:8].ljust(8, b"\0"))
    return subprocess.run(["openssl", "enc", "-des-ecb", "-nopad", "-K", key.hex(), "-provider",
                           "legacy", "-provider", "default"], input=challenge, check=True,
                          stdout=subprocess.PIPE).stdout


class Refused(Exception):
    """The server said no."""


class Viewer:
    def __init__(self, port, password=None, encodings=(RAW, RESIZE), host="127.0.0.1", limit=10):
        self.sock = socket.create_connection((host, port), timeout=limit)
        self.said = {}              # pseudo encoding: (x, payload) as said last
        self.rects = 0
        self.hello(password)
        if encodings:
            self.encodings(encodings)

    def get(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError("the server has hung up")
            data += more
        return data

    def put(self, fmt, *args):
        self.sock.sendall(struct.pack(">" + fmt, *args))

    def hello(self, password):
        version = self.get(12)
        if version != b"RFB 003.008\n":
            raise Refused(version)
        self.sock.sendall(version)
        n = self.get(1)[0]
        kinds = self.get(n)
        kind = 2 if password is not None else 1
        if kind not in kinds:
            raise Refused(f"offers {list(kinds)}")
        self.put("B", kind)
        if kind == 2:
            self.sock.sendall(des(password, self.get(16)))
        if struct.unpack(">I", self.get(4))[0]:
            raise Refused(self.get(struct.unpack(">I", self.get(4))[0]))
        self.put("B", 1)
        self.width, self.height = struct.unpack(">HH", self.get(4))
        self.format = struct.unpack(">BBBBHHHBBB3x", self.get(16))
        self.name = self.get(struct.unpack(">I", self.get(4))[0]).decode()
        self.pixels = bytearray(4 * self.width * self.height)
        # 32 bits, little endian, 0x00RRGGBB
        self.put("Bxxx BBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)

    def encodings(self, list_):
        self.put(f"BxH{len(list_)}i", 2, len(list_), *list_)

    def ask(self, incremental=True):
        self.put("BBHHHH", 3, incremental, 0, 0, self.width, self.height)

    def message(self):
        """One message of the server's."""
        kind = self.get(1)[0]
        if kind == 2:
            return
        if kind == 3:
            self.get(struct.unpack(">3xI", self.get(7))[0])
            return
        if kind:
            raise ValueError(f"message {kind}")
        for _ in range(struct.unpack(">xH", self.get(3))[0]):
            x, y, w, h, enc = struct.unpack(">HHHHi", self.get(12))
            if enc == RAW:
                if x + w > self.width or y + h > self.height:
                    raise ValueError(f"{w}x{h} at {x},{y} is outside of the screen")
                data = self.get(4 * w * h)
                self.rects += 1
                for i in range(h):
                    at = 4 * ((y + i) * self.width + x)
                    self.pixels[at:at + 4 * w] = data[4 * w * i:4 * w * (i + 1)]
            elif enc == RESIZE:
                self.width, self.height = w, h
                self.pixels = bytearray(4 * w * h)
            else:
                self.said[enc] = (x, self.get(1) if enc == LEDS else b"")

    def until(self, fn, limit=10):
        """Ask for pictures until @fn() holds; False when it does not come to that."""
        end = time.monotonic() + limit
        try:
            while not fn():
                self.ask()
                self.sock.settimeout(max(end - time.monotonic(), 0.001))
                self.message()
        except socket.timeout:
            return False
        return True

    def pixel(self, x, y):
        return int.from_bytes(self.pixels[4 * (y * self.width + x):][:4], "little") & 0xffffff

    def keysym(self, sym, down):
        self.put("BBxxI", 4, down, sym)

    def key(self, number, down, sym=0):
        self.put("BBHII", 255, 0, down, sym, number)

    def pointer(self, x, y, mask):
        self.put("BBHH", 5, mask, x, y)

    def close(self):
        self.sock.close()
