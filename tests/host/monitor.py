#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The monitor as a person at a terminal has it: the line and its keys, history, completion, help, what
is refused and in which words, formats, and that each command does to the machine what it says. The
devices are asked by the monitor itself, through their ports; the guest is a hundred bytes.

    tests/host/monitor.py [PATH-OF-ANYKVM [ACCEL]]
"""
import os
import re
import select
import signal
import socket
import struct
import sys
import time
import tty

import picture
from little import GUEST, LIMIT, TMP, Machine, end, ok

PROMPT = "(anykvm) "
BASE = 0x100000		# where the guest's code is


class Row:
    """A terminal's row as it is seen: the text, and where the cursor stands."""

    def __init__(self):
        self.text, self.at, self.escape = "", 0, None

    def feed(self, data):
        for ch in data:
            if self.escape is not None:
                self.escape += ch
                if ch.isalpha():
                    self.control(self.escape)
                    self.escape = None
            elif ch == "\x1b":
                self.escape = ""
            elif ch == "\r":
                self.at = 0
            elif ch == "\n":
                self.text, self.at = "", 0
            else:
                self.text = self.text[:self.at] + ch + self.text[self.at + 1:]
                self.at += 1

    def control(self, what):
        if what == "[K":
            self.text = self.text[:self.at]
        elif what.endswith("D"):
            self.at -= int(what[1:-1])
        else:
            raise ValueError(what)


class Hmp:
    """Somebody at a monitor: a pair of functions that read and write its bytes."""

    def __init__(self, fd, sock=None):
        self.fd, self.sock, self.seen = fd, sock, ""
        self.upto(PROMPT)

    def read(self, limit=LIMIT):
        if not select.select([self.fd], [], [], limit)[0]:
            return ""
        try:
            return os.read(self.fd, 65536).decode(errors="replace")
        except OSError:
            return ""

    def write(self, text):
        os.write(self.fd, text.encode())

    def upto(self, text):
        """What comes before text, which goes with it."""
        while text not in self.seen:
            more = self.read()
            if not more:
                break
            self.seen += more
        self.found = text in self.seen
        said, _, self.seen = self.seen.partition(text)
        return said

    def do(self, line):
        """A line, and what it prints."""
        self.write(line + "\r")
        self.upto("\n")
        return self.upto(PROMPT).replace("\r", "")

    def port(self, where, size="b"):
        return int(self.do(f"i/{size} {where:#x}").split("=")[1], 16)

    def out(self, where, val, size="b"):
        return self.do(f"o/{size} {where:#x} {val:#x}")

    def row(self, want, limit=LIMIT):
        """The row that is seen, and the cursor's column, once it is (or is not going to be) want."""
        row = Row()
        row.feed(PROMPT)
        while True:
            row.feed(self.seen)
            self.seen = ""
            if row.text == PROMPT + want[0] and row.at == len(PROMPT) + want[1]:
                return True
            self.seen = self.read(limit)
            if not self.seen:
                return row.text, row.at


class Terminal(Hmp):
    """A machine with its monitor on the terminal."""

    def __init__(self, *args, smp=1):
        self.m = Machine("-monitor", "stdio", "-serial", "null", "-smp", str(smp), *args)
        super().__init__(self.m.fd)

    def quit(self):
        self.write("quit\r")
        rc = self.m.wait()
        self.m.close()
        return rc


def errors_of(h, rows):
    for line, *words in rows:
        said = h.do(line)
        ok(said.startswith("Error: ") and said.count("\n") == 1 and all(w in said for w in words),
           f"refused: {line[:50]}", said)


# --- the line ---

# Keys, what is seen then, and where the cursor stands.
EDITING = [
    ("what is typed", "infa", "infa", 4),
    ("backspace", "\x7f", "inf", 3),
    ("Ctrl-H is backspace too", "X\x08", "inf", 3),
    ("left, left", "\x1b[D\x1b[D", "inf", 1),
    ("typing in the middle", "AB", "iABnf", 3),
    ("backspace in the middle", "\x7f", "iAnf", 2),
    ("right, Ctrl-F", "\x1b[C\x06", "iAnf", 4),
    ("right at the end", "\x1b[C", "iAnf", 4),
    ("Ctrl-B, keypad's left", "\x02\x1bOD", "iAnf", 2),
    ("home", "\x1b[H", "iAnf", 0),
    ("left at the beginning", "\x1b[D", "iAnf", 0),
    ("backspace at the beginning", "\x7f", "iAnf", 0),
    ("delete", "\x1b[3~", "Anf", 0),
    ("Ctrl-D", "\x04", "nf", 0),
    ("end", "\x1b[F", "nf", 2),
    ("delete at the end", "\x1b[3~\x04", "nf", 2),
    ("Ctrl-A, which on the terminal is Ctrl-A Ctrl-A", "\x01\x01", "nf", 0),
    ("Ctrl-E", "\x05", "nf", 2),
    ("home and end of a VT220", "\x1b[1~i\x1b[4~o", "info", 4),
    ("keypad's home and end", "\x1bOHx\x1bOF", "xinfo", 5),
    ("a word more", "  name", "xinfo  name", 11),
    ("Ctrl-W", "\x17", "xinfo  ", 7),
    ("Ctrl-W takes the blanks before", "\x17", "", 0),
    ("Ctrl-W of nothing", "\x17", "", 0),
    ("Ctrl-U clears to the left", "stop\x1b[D\x15", "p", 0),
    ("Ctrl-K clears to the right", "xy\x0b", "xy", 2),
    ("keys that are none", "\x1b[5~\x1bOQ\x1b[15~\x0c\x1bx", "xy", 2),
    ("Ctrl-U, all of it", "\x15", "", 0),
]


def editing():
    h = Terminal("-name", "first")
    for name, keys, text, at in EDITING:
        h.write(keys)
        got = h.row((text, at))
        ok(got is True, f"{name}: {text!r}", got)
        h.seen = "\r" + PROMPT + text + "\x1b[K" + (f"\x1b[{len(text) - at}D" if at < len(text) else "")
    h.seen = ""
    h.write("info statXs\x1b[D\x1b[D\x1b[3~u")
    h.row(("info status", 10))
    ok("VM status: running" in h.do(""), "what was edited is what is done")
    ok(h.do("x" * 1020 + "yyyyzzzz").startswith("Error: there is no command 'xxx"), "a line of 1028 bytes")
    said = h.do("info name")
    ok(said == "first\n", "after which another one is read", said)
    ok(h.do("") == "" and h.do("   ") == "", "empty lines do nothing")
    ok(h.do("  info   name  ") == "first\n", "blanks around words are none")
    ok(h.quit() == 0, "quit")


def history():
    h = Terminal()
    for line in ("info name", "info status", "info status", "", "info version"):
        h.do(line)
    for name, keys, text in (("up", "\x1b[A", "info version"), ("up, up", "\x1b[A", "info status"),
                             ("a line twice is once, none is none", "\x1b[A", "info name"),
                             ("up at the oldest", "\x1b[A", "info name"),
                             ("down", "\x1b[B", "info status"), ("Ctrl-P", "\x10", "info name"),
                             ("Ctrl-N", "\x0e", "info status"), ("down", "\x1bOB", "info version"),
                             ("down to the new line", "\x1b[B", ""), ("and no further", "\x1b[B", "")):
        h.write(keys)
        got = h.row((text, len(text)))
        ok(got is True, f"{name}: {text!r}", got)
        h.seen = "\r" + PROMPT + text + "\x1b[K"
    h.seen = ""
    h.write("\x1b[A\x1b[A\x17kvm")
    h.row(("info kvm", 8))
    ok("accelerator" in h.do(""), "a line from the history, changed, is done")
    for i in range(70):
        h.do(f"i {i:#x} ?")
    h.write("\x1b[A" * 80)
    got = h.row(("i 0x6 ?", 7))
    ok(got is True, "64 lines are kept", got)
    h.write("\x15")
    h.row(("", 0))
    ok(h.quit() == 0, "quit")


def completion():
    drives = []
    for name in ("disk0", "disk1", "other"):
        path = os.path.join(TMP.name, name)
        with open(path, "wb") as f:
            f.truncate(1 << 20)
        drives += ["-drive", f"if=none,id={name},format=raw,file={path}"]
    h = Terminal(*drives, "-netdev", "user,id=net7", "-chardev", "ringbuf,id=ring9")
    rows = [
        ("the only command", "scr\t", "screendump "),
        ("as far as all go", "sys\t", "system_"),
        ("one of them", "system_p\t", "system_powerdown "),
        ("info", "inf\t", "info "),
        ("the second word", "info regi\t", "info registers "),
        ("none", "zzz\t", "zzz"),
        ("a drive's name", "eject d\t", "eject disk"),
        ("behind a flag", "eject -f o\t", "eject -f other "),
        ("the flag", "eject -\t", "eject -f "),
        ("a drive to change", "change oth\t", "change other "),
        ("the first argument is the name, the second is none of that", "change other oth\t",
         "change other oth"),
        ("one of what an argument can be", "screendump /tmp/x pn\t", "screendump /tmp/x png "),
        ("on and off", "set_link net7 of\t", "set_link net7 off "),
        ("a network's name", "set_link \t", "set_link net7 "),
        ("a back end's name", "ringbuf_read r\t", "ringbuf_read ring9 "),
        ("a key's name", "sendkey ctrl-back\t", "sendkey ctrl-backs"),
        ("the last key's of several", "sendkey ctrl-alt-dele\t", "sendkey ctrl-alt-delete "),
        ("a command to explain", "help info netw\t", "help info network "),
        ("blanks before", "  info netw\t", "  info network "),
        ("not in the middle", "info netw\x1b[D\t\x05", "info netw"),
    ]
    for name, keys, text in rows:
        h.write(keys)
        got = h.row((text, len(text)))
        ok(got is True, f"completion, {name}: {text!r}", got)
        h.write("\x15")
        h.seen = ""
        h.row(("", 0))
    h.write("system_\t\t")
    said = h.upto(PROMPT + "system_\x1b[K")
    said += h.upto(PROMPT + "system_\x1b[K")
    ok("system_powerdown  system_reset" in said, "what cannot be told apart is listed", repr(said))
    h.write("\x15eject -\x7f\t")
    said = h.upto(PROMPT + "eject \x1b[K")
    said = h.upto(PROMPT + "eject \x1b[K")
    ok(re.search(r"\n-f  .*disk0  disk1  .*other", said), "a flag or a drive", repr(said))
    h.write("\x15\x15")
    h.m.p.kill()
    h.m.close()


# --- help, and what is refused ---


def helps():
    h = Terminal("-smp", "2", smp=2)
    lines = h.do("help").splitlines()
    names = [x.split(" -- ")[0].split()[0].split("/")[0] for x in lines]
    want = {"help", "info", "stop", "cont", "system_reset", "system_powerdown", "screendump", "sendkey",
            "mouse_move", "mouse_button", "mouse_set", "x", "xp", "i", "o", "eject", "change", "quit"}
    ok(want <= set(names) and all(" -- " in x for x in lines), "help lists the commands", want - set(names))
    ok(names == sorted(names), "in order", names)
    ok(h.do("?") == h.do("help"), "? is help")
    infos = h.do("info").splitlines()
    want = {"version", "status", "block", "network", "pci", "registers", "cpus", "qtree", "mtree", "irq",
            "pic", "mice", "usernet"}
    ok(want <= {x.split()[1] for x in infos}, "info lists what can be shown", infos)
    ok(h.do("help info") == h.do("info"), "as help info does")
    said = h.do("help screendump")
    ok(said.startswith("screendump filename [format] -- ") and "png, ppm" in said,
       "help COMMAND: its arguments and what they can be", said)
    ok(h.do("help x").startswith("x/FMT addr -- "), "help x", h.do("help x"))
    ok("-f" in h.do("help eject"), "help eject")
    ok(h.do("help info block").startswith("info block -- "), "help info block")
    errors_of(h, (
        ("infoo", "'infoo'", "did you mean 'info"),
        ("system_rset", "'system_rset'", "did you mean 'system_reset'"),
        ("info statsu", "'info statsu'", "did you mean 'info status'"),
        ("help nothing", "'nothing'"),
        ("stop now", "'now'", "one argument too many", "stop"),
        ("screendump", "'filename'", "missing"),
        ("screendump /tmp/x gif", "'format'", "'gif'", "png, ppm"),
        ("screendump /nonexistent/x", "/nonexistent/x"),
        ("cpu", "'index'", "missing"),
        ("cpu two", "'index'", "'two'", "a whole number"),
        ("cpu 2", "'index'", "from 0 to 1"),
        ("cpu -1", "'index'", "from 0 to 1"),
        ("x", "'addr'", "missing"),
        ("x/10q 0", "'fmt'", "/10q", "x d u o c s", "b h w or g"),
        ("x/0 0", "'fmt'", "1 to 65536"),
        ("x/xh4 0", "'fmt'", "/xh4"),
        ("x/70000 0", "'fmt'", "1 to 65536"),
        ("x/2i 0", "'fmt'", "/2i", "disassembler"),
        ("x 0x", "'addr'", "'0x'"),
        ("x $nothing", "$nothing"),
        ("x (1+2", "'addr'", "(1+2"),
        ("x 1 2", "'2'", "too many"),
        ("xp 0xd0000000", "no memory at 0xd0000000"),
        ("i 0x10000", "'addr'", "0 to 0xffff"),
        ("i/g 0x70", "'fmt'", "/g", "b, h or w"),
        ("i 0x20", "no device", "0x0020", "info mtree"),
        ("o 0x70", "'val'", "missing"),
        ("o/b 0x21 5", "no device", "0x0021"),
        ("sendkey", "'keys'", "missing"),
        ("sendkey ctrl-nosuch", "'keys'", "'nosuch'"),
        ("sendkey a 0", "'hold-time'", "from 1 to"),
        ("sendkey a-", "'keys'"),
        ("sendkey " + "-".join("abcdefghijklmnopq"), "'keys'"),
        ("mouse_move 1", "'dy'", "missing"),
        ("mouse_move a b", "'dx'", "'a'", "a whole number"),
        ("mouse_button 8", "'state'", "1 (left)"),
        ("mouse_set 1", "'index'", "#1", "info mice"),
        ("eject nothing", "'nothing'", "info block"),
        ("eject -g nothing", "'nothing'", "too many"),
        ("change ide1-cd0", "'filename'", "missing"),
        ("change ide1-cd0 /nonexistent/file", "/nonexistent/file"),
        ("change ide1-cd0 /dev/null qcow2", "'format'", "qcow2", "raw"),
        ("change ide1-cd0 /dev/null raw sometimes", "'read-only-mode'", "retain, read-only, read-write"),
        ("set_link nothing on", "'nothing'", "info network"),
        ("set_link nothing perhaps", "'up'", "'perhaps'", "on or off"),
        ("info registers -b", "'-b'", "too many"),
        ("memsave 0 16 /nonexistent/file", "'filename'", "/nonexistent/file"),
        ("balloon 8", "virtio-balloon"),
        ("balloon 8q", "'value'", "'8q'"),
        ("hostfwd_add tcp::1-:1", "there is no -netdev user"),
    ))
    ok(h.quit() == 0, "quit")


# --- looking ---

LETTERS = {"b": 1, "h": 2, "w": 4, "g": 8}


def values(said, base):
    """All values of x's lines; None where an address is not where it must be."""
    out = []
    for line in said.splitlines():
        at, _, rest = line.partition(":")
        out.append((int(at, 16), [int(w, base) for w in rest.split()]))
    return out


def formats():
    h = Terminal("-S")
    for letter, size in LETTERS.items():
        for how, base in (("x", 16), ("d", 10), ("u", 10), ("o", 8)):
            n = 11
            want = [int.from_bytes(GUEST[i * size:(i + 1) * size].ljust(size, b"\0"), "little", signed=how == "d")
                    for i in range(n)]
            said = h.do(f"xp/{n}{how}{letter} {BASE:#x}")
            lines = values(said, base)
            got = [v for _, vals in lines for v in vals]
            places = [BASE + size * sum(len(v) for _, v in lines[:i]) for i in range(len(lines))]
            ok(got == want and [a for a, _ in lines] == places, f"xp/{n}{how}{letter}", said)
            if how == "x":
                ok(all(len(w) == 2 + 2 * size for w in said.split() if w.startswith("0x")),
                   f"/{how}{letter}: all of one width", said)
    ok(h.do(f"xp {BASE}") == h.do(f"xp/1xw {BASE}"), "without a format: one word of four bytes")
    said = h.do(f"xp/9c {BASE + len(GUEST) - 6}")
    ok(said.split(": ", 1)[1].startswith(r"'r' 'e' 'a' 'd' 'y' '\x0a' '\x00' '\x00'"), "xp/c", said)
    said = h.do(f"xp/2s {BASE + len(GUEST) - 6}")
    ok(said == f'{BASE + len(GUEST) - 6:016x}: "ready\\x0a"\n{BASE + len(GUEST) + 1:016x}: ""\n', "xp/2s",
       said)
    said = h.do("xp/1s 0x800000+0xffffff*0")
    ok(said == '0000000000800000: ""\n', "an empty string", said)
    said = h.do("xp/4xg 0xfffff8")
    ok(said == "0000000000fffff8: 0x0000000000000000\nError: there is no memory at 0x1000000\n",
       "what there is, up to where there is no memory", said)
    start = int(h.do("x/1xb $rip").split(":")[0], 16)
    ok(start == BASE, "x at $rip", hex(start))
    for expr, want in ((f"{BASE}+2*(3+4)-1", BASE + 13), ("(0x100000 + 5)", BASE + 5), ("$eip+$eip-$rip", BASE),
                       ("-(-0x100000)", BASE), ("0x80000*2", BASE), ("04000000", BASE)):
        said = h.do(f"x/1xb {expr}")
        ok(said.startswith(f"{want:016x}:"), f"an address is a sum: {expr}", said)
    path = os.path.join(TMP.name, "saved")
    h.do(f"pmemsave {BASE} {len(GUEST)} {path}")
    ok(open(path, "rb").read() == GUEST, "pmemsave")
    h.do(f"memsave $rip 5000 {path}")
    ok(open(path, "rb").read() == GUEST.ljust(5000, b"\0"), "memsave, over a page's end")
    ok(h.quit() == 0, "quit")


def infos():
    disk = os.path.join(TMP.name, "disk2")
    with open(disk, "wb") as f:
        f.truncate(3 << 20)
    h = Terminal("-drive", f"if=none,id=d0,format=raw,readonly=on,file={disk}", "-device",
                 "virtio-blk-pci,drive=d0,id=vb0,serial=abc", "-netdev", "user,id=n0,net=10.9.0.0/24",
                 "-device", "e1000,netdev=n0,id=nic0,mac=52:54:00:aa:bb:cc", "-name", "named", "-uuid",
                 "550e8400-e29b-41d4-a716-446655440000", smp=3)
    ok(h.do("info status") == "VM status: running\n", "info status")
    h.do("stop")
    ok(h.do("info status") == "VM status: paused\n", "stop")
    before = h.do("info registers")
    ok(before == h.do("info registers"), "a stopped CPU stands still")
    h.do("c")
    ok(h.do("info status") == "VM status: running\n", "c is cont")
    ok(re.fullmatch(r"anykvm \S+\n", h.do("info version")), "info version")
    ok(h.do("info name") == "named\n", "info name")
    ok(h.do("info uuid") == "550e8400-e29b-41d4-a716-446655440000\n", "info uuid")
    ok("accelerator: bt" in h.do("info kvm") or "accelerator: kvm" in h.do("info kvm"), "info kvm")
    cpus = re.findall(r"^([* ]) CPU #(\d): thread_id=(\d+)$", h.do("info cpus"), re.M)
    tasks = os.listdir(f"/proc/{h.m.p.pid}/task")
    ok([(a, b) for a, b, _ in cpus] == [("*", "0"), (" ", "1"), (" ", "2")] and
       all(t in tasks for *_, t in cpus), "info cpus: threads of the process", cpus)
    h.do("cpu 2")
    ok(h.do("info registers").startswith("CPU#2\n") and "* CPU #2" in h.do("info cpus"), "cpu 2")
    h.do("cpu 0")
    said = h.do("info registers")
    rip = int(re.search(r"RIP=([0-9a-f]+)", said)[1], 16)
    ok(BASE <= rip < BASE + len(GUEST) and "CR0=00000011" in said and
       all(f"R{n}" in said for n in ("AX", "8 ", "15")), "info registers: it runs the guest's code", said)
    ok(h.do("info registers -a").count("CPU#") == 3, "info registers -a: of all")
    said = h.do("info block")
    ok(f"d0: {disk} (raw, read-only), {3 << 20} bytes\n" in said and "Attached to:      vb0" in said and
       "ide1-cd0: [not inserted]" in said, "info block", said)
    said = h.do("info blockstats")
    ok("d0: rd_bytes=0 " in said, "info blockstats", said)
    said = h.do("info network")
    ok("n0: user" in said and "10.9.0.0" in said and "nic0" in said, "info network", said)
    h.do("set_link n0 off")
    ok("link down" in h.do("info network"), "set_link off")
    h.do("set_link nic0 on")
    ok("link up" in h.do("info network"), "set_link on, by the card's name")
    said = h.do("info pci")
    cards = re.findall(r"device +(\d+), function (\d):\n +(.*?): PCI device (\w{4}:\w{4})", said)
    ok(("0", "0", "Bridge", "8086:1237") in cards and ("2", "0", "Display controller", "1234:1111") in cards and
       any(c[2:] == ("Network controller", "8086:100e") for c in cards) and
       any(c[2:] == ("Mass storage controller", "1af4:1001") for c in cards), "info pci: the cards", said)
    ok('id "nic0"' in said and re.search(r"BAR0: memory at 0xe\w+, 0x20000 bytes", said), "and their windows", said)
    said = h.do("info qtree")
    ok('dev: e1000, id "nic0"' in said and "mac = 52:54:00:aa:bb:cc" in said and "serial = abc" in said and
       "drive = d0" in said and "bus: pci.0" in said, "info qtree", said)
    said = h.do("info mtree")
    ok("0000000000000070-0000000000000071 (prio 30, i/o): rtc" in said and
       "0000000000100000-0000000000ffffff (prio 0, ram): ram" in said and "e1000 registers" in said,
       "info mtree", said)
    pieces = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"^  (\w{16})-(\w{16}) ", said, re.M)]
    ports = pieces[:[i for i in range(1, len(pieces)) if pieces[i] < pieces[i - 1]][0]]
    ok(all(a <= b for a, b in pieces) and all(x[1] < y[0] for x, y in zip(ports, ports[1:])),
       "its pieces do not overlap", said)
    said = h.do("info pic")
    ok(said.count("  pin ") == 24 and "pic0: " in said and "pic1: " in said, "info pic", said)
    ok("serial0: filename=null" in h.do("info chardev"), "info chardev", h.do("info chardev"))
    ok("there is no VNC server" in h.do("info vnc"), "info vnc")
    ok(h.do("info mice") == "* Mouse #0: PS/2 mouse\n" and h.do("mouse_set 0") == "", "info mice, mouse_set")
    ok("base memory: 16777216" in h.do("info memory_size_summary"), "info memory_size_summary")
    ok(h.quit() == 0, "quit")


# --- ports: the devices answer ---


def irqs(h):
    return {(int(g), n): int(k) for g, n, k in
            re.findall(r"^GSI +(\d+): (\S+): raised (\d+) times", h.do("info irq"), re.M)}


def keyboard(h):
    h.out(0x64, 0xae)
    h.out(0x64, 0x60)
    h.out(0x60, 0x67)		# both interrupts on, set 1; the mouse's clock is off
    ok(irqs(h) == {}, "no interrupt yet", h.do("info irq"))
    h.do("sendkey ctrl-alt-f1")
    end_ = time.time() + LIMIT
    got = []
    while len(got) < 6 and time.time() < end_:
        if h.port(0x64) & 1:
            got.append(h.port(0x60))
    ok(got == [0x1d, 0x38, 0x3b, 0xbb, 0xb8, 0x9d], "sendkey: pressed in order, let go backwards",
       [hex(x) for x in got])
    ok(irqs(h) == {(1, "i8042"): 6}, "an interrupt each, counted by info irq", h.do("info irq"))
    for keys, want in (("0x1e", [0x1e, 0x9e]), ("minus", [0x0c, 0x8c]), ("shift--", [0x2a, 0x0c, 0x8c, 0xaa]),
                       ("up", [0xe0, 0x48, 0xe0, 0xc8]), ("spc", [0x39, 0xb9])):
        h.do(f"sendkey {keys} 1")
        got, end_ = [], time.time() + LIMIT
        while len(got) < len(want) and time.time() < end_:
            if h.port(0x64) & 1:
                got.append(h.port(0x60))
        ok(got == want, f"sendkey {keys}", [hex(x) for x in got])
    begin = time.time()
    h.do("sendkey b 2000")
    down, again = h.port(0x60), h.port(0x64) & 1
    late = time.time() - begin > 1.9
    ok(down == 0x30 and (late or not again), "hold time: it is down", hex(down))
    while not h.port(0x64) & 1 and time.time() - begin < LIMIT:
        time.sleep(0.05)
    took = time.time() - begin
    ok(h.port(0x60) == 0xb0 and took >= 1.95, "and comes up when that is over", took)
    begin = time.time()
    h.do("sendkey c 60000")
    h.do("sendkey d 1")
    got = []
    while len(got) < 4 and time.time() - begin < LIMIT:
        if h.port(0x64) & 1:
            got.append(h.port(0x60))
    ok(got == [0x2e, 0xae, 0x20, 0xa0], "the next keys let those before go", [hex(x) for x in got])


def mouse(h):
    def packet(n=3):
        got, end_ = [], time.time() + LIMIT
        while len(got) < n and time.time() < end_:
            if h.port(0x64) & 1:
                got.append(h.port(0x60))
        return got

    def command(byte):
        h.out(0x64, 0xd4)
        h.out(0x60, byte)

    h.out(0x64, 0xa8)
    command(0xf4)
    ok(packet(1) == [0xfa], "the mouse is there")
    before = irqs(h).get((12, "i8042"), 0)
    h.do("mouse_move 5 3")
    ok(packet() == [0x28, 5, 0xfd], "mouse_move reaches the PS/2 mouse: up is positive there")
    ok(irqs(h)[(12, "i8042")] > before, "with its interrupt")
    h.do("mouse_move -7 -100")
    ok(packet() == [0x18, 0xf9, 100], "the other way")
    h.do("mouse_move 0 -200")
    ok(packet(6) == [8, 0, 127, 8, 0, 73], "a long way in two packets")
    for state, want in ((1, 9), (2, 0xc), (4, 0xa), (7, 0xf), (0, 8)):
        h.do(f"mouse_button {state}")
        got = packet()
        ok(got == [want, 0, 0], f"mouse_button {state}", got)
    h.do("mouse_button 1")
    packet()
    h.do("mouse_move 1 0")
    ok(packet() == [9, 1, 0], "a button stays down while it moves")
    h.do("mouse_button 0")
    packet()
    for rate in (200, 100, 80):
        for byte in (0xf3, rate):
            command(byte)
            packet(1)
    h.do("mouse_move 0 0 1")
    got = packet(4)
    ok(got == [8, 0, 0, 0xff], "the wheel, of a mouse that was asked for one", got)


def power(h):
    ok(not h.port(0x600, "h") & 0x100, "the power button has not been pressed")
    h.do("system_powerdown")
    ok(h.port(0x600, "h") & 0x100, "system_powerdown: PWRBTN_STS is set")
    ok((9, "piix4-pm") not in irqs(h), "without PWRBTN_EN there is no interrupt")
    h.out(0x602, 0x100, "h")
    ok(irqs(h).get((9, "piix4-pm")) == 1 and "piix4-pm: raised 1 times, up" in h.do("info irq"),
       "with it the SCI goes up", h.do("info irq"))
    h.out(0x600, 0x100, "h")
    ok(not h.port(0x600, "h") & 0x100 and "piix4-pm: raised 1 times\n" in h.do("info irq"), "and down when the guest has seen it",
       h.do("info irq"))
    h.do("system_powerdown")
    ok(irqs(h)[(9, "piix4-pm")] == 2, "again")


def screen(h):
    png, ppm = os.path.join(TMP.name, "a.png"), os.path.join(TMP.name, "a.ppm")
    # As a BIOS leaves a VGA, so that there is something to be seen.
    for port, val in ((0x3c2, 0x67), (0x3c4, 0), (0x3c5, 3), (0x3c4, 1), (0x3c5, 1), (0x3d4, 0x17),
                      (0x3d5, 0xa3)):
        h.out(port, val)
    h.port(0x3da)
    h.out(0x3c0, 0x20)
    for index, val in ((4, 0), (1, 320), (2, 200), (3, 8), (4, 0x41)):
        h.out(0x1ce, index, "h")
        h.out(0x1d0, val, "h")
    h.out(0x3c8, 0)
    for val in (0x3f, 0x20, 0x01):
        h.out(0x3c9, val)
    ok(h.do(f"screendump {png}") == "" and h.do(f"screendump {ppm}") == "", "screendump")
    a, b = picture.png(open(png, "rb").read()), picture.ppm(open(ppm, "rb").read())
    ok(a[:2] == (320, 200), "the size of the screen's mode", a[:2])
    ok(bytes(a[2][0][:3])[0] >= 0xfc and all(bytes(r) == bytes(a[2][0][:3]) * 320 for r in a[2]),
       "PNG: the colour that the palette got", bytes(a[2][0][:3]))
    ok(b[:2] == a[:2] and [bytes(r) for r in a[2]] == [bytes(r) for r in b[2]], "PPM is the same")
    odd = os.path.join(TMP.name, "picture")
    h.do(f"screendump {odd} png")
    ok(open(odd, "rb").read(8) == b"\x89PNG\r\n\x1a\n", "the format can be said")
    h.do(f'screendump "{odd} with blanks" ppm')
    ok(os.path.exists(odd + " with blanks"), "a name with blanks, in quotes")


def cmos(h, name, want):
    h.out(0x70, 0x14)
    got = h.port(0x71)
    ok(got == want, f"CMOS 14h, {name}: {want:02x}h", hex(got))
    ok(h.do("i/b 0x70 0x14") == f"portb[0x0071] = 0x{want:02x}\n", "the same by i with an index")


def ports():
    floppy = os.path.join(TMP.name, "floppy")
    with open(floppy, "wb") as f:
        f.truncate(1440 << 10)
    h = Terminal("-fda", floppy)
    # Coprocessor and mouse, bits 1 and 2; a diskette drive, bit 0, their number less one in bits 6 and 7.
    cmos(h, "a floppy", 7)
    keyboard(h)
    mouse(h)
    power(h)
    screen(h)
    h.out(0x80, 0x5a)
    ok(h.port(0x80) == 0x5a, "o and i: what is written is read")
    h.out(0x1ce, 0, "h")
    ok(h.port(0x1d0, "h") & 0xfff0 == 0xb0c0, "two bytes wide")
    h.out(0xcf8, 0x80000000, "w")
    ok(h.do("i/w 0xcfc") == "portl[0x0cfc] = 0x12378086\n", "four, which is what is meant", h.do("i/w 0xcfc"))
    ok(h.do("i 0xcfc") == h.do("i/w 0xcfc"), "when nothing is said")
    ok(h.quit() == 0, "quit")
    h = Terminal()
    cmos(h, "no floppy", 6)
    ok(h.quit() == 0, "quit")


# --- media ---


def media():
    paths = [os.path.join(TMP.name, f"cd{i}") for i in (1, 2)]
    for i, path in enumerate(paths):
        with open(path, "wb") as f:
            f.truncate((i + 1) * 65536)
    h = Terminal("-cdrom", paths[0])
    said = h.do("info block")
    ok(f"ide1-cd0: {paths[0]} (raw, read-only), 65536 bytes" in said and "tray closed" in said, "a CD", said)
    ok(h.do("eject ide1-cd0") == "", "eject")
    said = h.do("info block")
    ok("ide1-cd0: [not inserted]" in said and "tray open" in said, "it is gone", said)
    ok(h.do(f"change ide1-cd0 {paths[1]}") == "", "change")
    said = h.do("info block")
    ok(f"ide1-cd0: {paths[1]} (raw, read-only), 131072 bytes" in said and "tray closed" in said,
       "another one is in", said)
    said = h.do(f"change ide1-cd0 {paths[1]}.none")
    ok("Error: " in said and "cd2.none" in said, "what is not there is not put in", said)
    said = h.do("info block")
    ok(f"ide1-cd0: {paths[1]} (raw, read-only)" in said and "tray closed" in said,
       "and what is in stays in", said)
    ok(h.quit() == 0, "quit")


# --- ports that lead into the guest ---


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), LIMIT).close()
        return True
    except ConnectionRefusedError:
        return False


def forwards():
    """Who listens and no longer does; that a guest gets what comes is tests/guest/control.py."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as s:
        other = s.getsockname()[1]
    h = Terminal("-netdev", "socket,id=s0,udp=127.0.0.1:9,localaddr=127.0.0.1:0", "-netdev", "user,id=n0",
                 "-netdev", f"user,id=n1,net=10.5.0.0/24,hostfwd=udp:127.0.0.1:{other}-:7")
    ok(not connects(port) and h.do(f"hostfwd_add tcp:127.0.0.1:{port}-:22") == "" and connects(port),
       "hostfwd_add: the port is open")
    said = h.do("info network")
    ok(re.search(rf"n0: user.*hostfwd=tcp:127.0.0.1:{port}-:22", said), "info network has it", said)
    said = h.do("info usernet")
    ok(re.search(rf"n0:\n(  .*\n)*  TCP\[HOST_FORWARD\] +\d+ +127.0.0.1 +{port} +10.0.2.15 +22 ", said),
       "info usernet too", said)
    ok(re.search(rf"n1:\n(  .*\n)*  UDP\[HOST_FORWARD\] +\d+ +127.0.0.1 +{other} +10.5.0.15 +7 ", said),
       "of the other network, what its option said", said)
    ok(h.do(f"hostfwd_add n1 :127.0.0.1:{other}-10.5.0.9:80") == "" and connects(other), "for a network by name")
    ok(h.do(f"hostfwd_remove n1 udp:127.0.0.1:{other}") == "" and connects(other), "TCP is not UDP")
    errors_of(h, (
        (f"hostfwd_add tcp:127.0.0.1:{port}-:22", "'rule'", f"cannot listen on port {port}", "in use"),
        ("hostfwd_add", "'rule'", "missing"),
        ("hostfwd_add 22", "'rule'", "22", "must be like tcp:127.0.0.1:2222-:22"),
        ("hostfwd_add sctp::1000-:22", "'rule'", "'sctp'", "neither tcp nor udp"),
        ("hostfwd_add tcp:there:1000-:22", "'there'", "no address of this host"),
        ("hostfwd_add tcp::70000-:22", "'70000'", "1 to 65535"),
        ("hostfwd_add tcp::1000-10.9.9.9:22", "'10.9.9.9'", "guest's network"),
        ("hostfwd_add tcp::1000-:0", "'0'", "1 to 65535"),
        ("hostfwd_add tcp::1000", "must be like tcp:127.0.0.1:2222-:22"),
        ("hostfwd_add n7 tcp::1000-:22", "'n7'", "info network"),
        ("hostfwd_add s0 tcp::1000-:22", "'netdev_id'", "s0 is no -netdev user"),
        ("hostfwd_add n0 tcp::1000-:22 x", "'x'", "too many"),
        ("hostfwd_remove tcp:127.0.0.1:1", "'rule'", "is not forwarded"),
        (f"hostfwd_remove n1 tcp:127.0.0.1:{port}", "is not forwarded"),
        (f"hostfwd_remove tcp:127.0.0.1:{port}-:22", "1 to 65535"),
    ))
    ok(h.do(f"hostfwd_remove tcp:127.0.0.1:{port}") == "" and not connects(port), "hostfwd_remove: it is closed")
    ok(f":{port}" not in h.do("info network") and
       not re.search(rf"HOST_FORWARD.* {port} ", h.do("info usernet")), "and in no list",
       h.do("info usernet"))
    errors_of(h, ((f"hostfwd_remove tcp:127.0.0.1:{port}", "is not forwarded"),))
    ok(h.do(f"hostfwd_add tcp:127.0.0.1:{port}-:23") == "" and connects(port), "and open again")
    ok(h.quit() == 0, "quit")


# --- where a monitor can be ---


def works(h, name):
    said = h.do("info status")
    ok("VM status: running\n" in said, f"{name}: it answers", said)


def transports():
    path = os.path.join(TMP.name, "mon")
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    m = Machine("-nodefaults", "-monitor", f"unix:{path},server=on,wait=off", "-monitor",
                f"tcp:127.0.0.1:{port},server=on,wait=off", "-monitor", "pty", "-serial", "null", tty=False)
    ok(m.expect(b"/dev/pts/"), "-monitor pty says where", m.seen)
    while b"\n" not in m.seen and m.expect(b"", 1):
        m.seen += os.read(m.fd, 1)
    line = os.open("/dev/pts/" + re.match(rb"\d+", m.seen)[0].decode(), os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    unix = socket.socket(socket.AF_UNIX)
    unix.connect(path)
    tcp = socket.create_connection(("127.0.0.1", port))
    first, second = Hmp(unix.fileno()), Hmp(tcp.fileno())
    works(first, "unix")
    works(second, "tcp")
    works(Hmp(line), "pty")
    said = first.do("info pci")
    ok("Bridge" in said and "Display" not in said and "8086:7010" in said, "-nodefaults: no card", said)
    ok("serial0: filename=null" in second.do("info chardev") and "[not inserted]" not in first.do("info block"),
       "and no drive")
    first.write("info na")
    works(second, "two at a time, each with its line")
    first.write("me\r")
    first.upto("\n")
    first.upto(PROMPT)
    works(first, "the first one's")
    unix.close()
    unix = socket.socket(socket.AF_UNIX)
    unix.connect(path)
    works(Hmp(unix.fileno()), "who comes again")
    second.write("quit\r")
    ok(m.wait() == 0, "quit over tcp")
    m.close()
    unix.close()
    os.close(line)

    m = Machine("-serial", "mon:stdio", "-S")
    os.write(m.fd, b"\x01c")
    h = Hmp(m.fd)
    ok(h.do("info status") == "VM status: paused (prelaunch)\n", "mux: Ctrl-A c; -S: not started")
    h.write("cont\r")
    h.upto("ready")
    ok(h.found, "cont starts it")
    works(h, "beside what the guest says")
    h.write("\x01c")
    os.write(m.fd, b"guest")
    ok(m.expect(b"guest"), "and hears")
    os.write(m.fd, b"\x01c")
    works(Hmp(m.fd), "Ctrl-A c")
    os.write(m.fd, b"system_reset\r")
    ok(m.expect(b"ready"), "system_reset: the guest begins anew")
    m.p.send_signal(signal.SIGTERM)
    ok(m.wait() == 0, "the end")
    m.close()

    m = Machine("-chardev", f"socket,id=c,path={path},server=on,wait=off,mux=on", "-mon", "chardev=c", "-serial",
                "chardev:c", tty=False)
    unix = socket.socket(socket.AF_UNIX)
    end_ = time.time() + LIMIT
    while unix.connect_ex(path) and time.time() < end_:
        time.sleep(0.02)
    unix.sendall(b"R\x01c")
    h = Hmp(unix.fileno())
    works(h, "-mon on a shared socket, after Ctrl-A c")
    h.write("q\r")
    ok(m.wait() == 0, "q is quit")
    m.close()


editing()
history()
completion()
helps()
formats()
infos()
ports()
media()
forwards()
transports()
sys.exit(end())
