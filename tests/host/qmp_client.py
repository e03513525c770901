# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of QMP, for tests."""
import json
import socket
import time


class Qmp:
    def __init__(self, path, limit=20):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(limit)
        limit += time.time()
        while True:
            try:
                self.s.connect(path)
                break
            except OSError:
                if time.time() > limit:
                    raise
                time.sleep(0.02)
        self.buf = b""
        self.events = []
        self.greeting = self.read()

    def read(self):
        """The next object; None at the end."""
        while b"\n" not in self.buf:
            try:
                data = self.s.recv(65536)
            except OSError:
                data = b""
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)

    def raw(self, data):
        self.s.sendall(data)
        return self.answer()

    def answer(self):
        while True:
            o = self.read()
            if o is None or "event" not in o:
                return o
            self.events.append(o)

    def send(self, command, **args):
        o = {"execute": command}
        if args:
            o["arguments"] = {k.replace("_", "-"): v for k, v in args.items()}
        return self.raw(json.dumps(o).encode())

    def event(self, name):
        """Wait for it; those before it are forgotten."""
        while True:
            e = self.events.pop(0) if self.events else self.read()
            if e is None or e.get("event") == name:
                return e

    def begin(self):
        self.send("qmp_capabilities")
        return self
