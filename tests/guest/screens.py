#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests with a screen: what they show is read off its picture, what a person types is typed.

    tests/guest/screens.py [-v] [-l] [NAME]...

Each row starts `anykvm` with firmware, a VGA and a monitor; it waits for words on the screen or on the
serial port, and types on the guest's keyboard. What a row needs and is not there is fetched by
scripts/fetch-guest (and fetch-userland), or the row is skipped.
"""
import argparse
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

from boot import ANYKVM, GUEST, TOP, Skip, Wrong, grub_iso, need
from screen import Reader, Wrong as BadPicture, read_ppm

GRUB = "/usr/lib/grub/i386-pc"
RESCUE = "/usr/lib/grub-rescue/grub-rescue-floppy.img"
KEYS = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "/": "slash", ".": "dot", ",": "comma",
        ";": "semicolon", "\t": "tab", "'": "apostrophe", "\\": "backslash", "_": "shift-minus",
        ":": "shift-semicolon", ">": "shift-dot", "$": "shift-4", '"': "shift-apostrophe"}
LIMIT = 120


class Machine:
    def __init__(self, tmp, *args, memory=512):
        self.tmp, self.reader, self.serial = tmp, Reader(), ""
        where = os.path.join(tmp, "monitor")
        argv = [ANYKVM, "-accel", "bt", "-m", str(memory), "-display", "none", "-serial", "stdio",
                "-monitor", f"unix:{where},server=on,wait=off", *args]
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        end = time.time() + 20
        self.s = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.s.connect(where)
                break
            except OSError:
                if time.time() > end or self.p.poll() is not None:
                    raise Wrong(f"no monitor: {self.p.stdout.read1(4096)!r}") from None
                time.sleep(0.05)
        self.answer()

    def answer(self):
        text = b""
        self.s.settimeout(30)
        while b"(anykvm) " not in text:
            data = self.s.recv(65536)
            if not data:
                raise Wrong("the monitor went away")
            text += data
        return text

    def monitor(self, command):
        self.s.sendall(command.encode() + b"\n")
        return self.answer()

    def listen(self, seconds):
        """What comes on the serial port meanwhile; False when the machine has ended."""
        end = time.time() + seconds
        while True:
            left = end - time.time()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                return True
            data = os.read(self.p.stdout.fileno(), 65536)
            if not data:
                return False
            self.serial += data.decode(errors="replace")
            if left < seconds - 0.2:
                return True

    def screen(self):
        path = os.path.join(self.tmp, "screen.ppm")
        self.monitor(f"screendump {path}")
        try:
            return "\n".join(self.reader.lines(*read_ppm(path)))
        except (BadPicture, OSError):
            return ""

    def see(self, pattern, limit=LIMIT):
        """Wait until the screen shows it."""
        end = time.time() + limit
        while True:
            text = self.screen()
            if re.search(pattern, text):
                return text
            if time.time() > end:
                raise Wrong(f"the screen does not show '{pattern}':\n{text}\nserial: {self.serial[-500:]}")
            if not self.listen(0.5):
                raise Wrong(f"ended before the screen showed '{pattern}':\n{self.serial[-800:]}")

    def hear(self, pattern, limit=LIMIT):
        """Wait until the serial port has said it; what was said before it is forgotten."""
        end = time.time() + limit
        while not re.search(pattern, self.serial):
            if time.time() > end:
                raise Wrong(f"'{pattern}' did not come: {self.serial[-800:]}\n{self.screen()}")
            if not self.listen(0.5) and not re.search(pattern, self.serial):
                raise Wrong(f"ended before '{pattern}': {self.serial[-800:]}")
        self.serial = self.serial[re.search(pattern, self.serial).end():]

    def say(self, text):
        self.p.stdin.write(text.encode())
        self.p.stdin.flush()

    def type(self, text):
        for c in text:
            key = KEYS.get(c) or ("shift-" + c.lower() if c.isupper() else c)
            self.monitor(f"sendkey {key} 20")
            time.sleep(0.05)

    def key(self, *names):
        for name in names:
            self.monitor(f"sendkey {name} 20")
            time.sleep(0.3)

    def press_until(self, key, pattern, limit=60):
        """A key whose first presses may go to something else on the way."""
        end = time.time() + limit
        while not re.search(pattern, self.screen()):
            if time.time() > end:
                raise Wrong(f"'{key}' does not lead to '{pattern}':\n{self.screen()}")
            self.key(key)
            self.listen(1)

    def close(self):
        self.s.close()
        if self.p.poll() is None:
            self.p.terminate()
        try:
            self.p.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.communicate()


# --- what boots ---

def debian_disk(tmp):
    """The Debian of fetch-userland as a whole disk: GRUB before its first and only partition."""
    userland = os.path.join(GUEST, "userland")
    system = need(os.path.join(userland, "system.img"), "a Debian (scripts/fetch-userland)")
    disk, early, core = (os.path.join(tmp, n) for n in ("disk", "early.cfg", "core.img"))
    with open(early, "w", encoding="utf-8") as f:
        f.write("set root=hd0,msdos1\nterminal_output console\necho anykvm: GRUB is here\n"
                "linux /vmlinuz root=LABEL=root ro console=tty0 console=ttyS0 net.ifnames=0 nomodeset\n"
                "initrd /initrd.img\nboot\n")
    subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB, "-p", "/boot/grub", "-c", early, "-o",
                    core, "biosdisk", "part_msdos", "ext2", "linux", "normal", "echo", "boot"],
                   check=True)
    with open(core, "rb") as f:
        embedded = f.read()
    with open(os.path.join(GRUB, "boot.img"), "rb") as f:
        mbr = bytearray(f.read(440))
    size = os.path.getsize(system) // 512
    # No disk but this one, whatever drive the BIOS says it is.
    mbr[0x66:0x68] = b"\x90\x90"
    with open(disk, "wb") as f:
        f.write(mbr + bytes(6) + b"\x80\0\0\0\x83\0\0\0" + (2048).to_bytes(4, "little") +
                size.to_bytes(4, "little") + bytes(48) + b"\x55\xaa")
        f.write(embedded)
        if f.tell() > 1 << 20:
            raise Skip("GRUB does not fit before the first partition")
    subprocess.run(["dd", f"if={system}", f"of={disk}", "bs=1M", "seek=1", "conv=notrunc,sparse",
                    "status=none"], check=True)
    os.truncate(disk, (1 << 20) + os.path.getsize(system))
    return disk


# --- rows ---

def firmware(tmp, card):
    m = Machine(tmp, "-vga", card, "-nodefaults")
    try:
        text = m.see(r"No bootable device")
        if "SeaBIOS (version" not in text:
            raise Wrong(f"no banner on {card}:\n{text}")
    finally:
        m.close()


def seabios_std(tmp):
    """SeaBIOS's words on the VGA with Bochs VBE."""
    firmware(tmp, "std")


def seabios_cirrus(tmp):
    """The same on the Cirrus CL-GD5446."""
    firmware(tmp, "cirrus")


def grub_rescue(tmp):
    """GRUB from a diskette: its menu, and a command that is typed."""
    m = Machine(tmp, "-boot", "a", "-fda", need(RESCUE, "grub-rescue-pc"))
    try:
        m.see(r"GNU GRUB +version 2|Press any key")
        m.press_until("c", r"grub>")
        m.key("ctrl-u")  # a press too many stands on the line
        m.type("echo Typed-in 1-1\n")
        m.see(r"(?m)^ *Typed-in 1-1")
    finally:
        m.close()


def memtest(tmp):
    m = Machine(tmp, "-bios", "bios-256k.bin", "-kernel",
                need(os.path.join(GUEST, "memtest.bin"), "memtest86+"), memory=64)
    try:
        m.see(r"Memtest86\+ v")
        m.see(r"Test: #\d|Testing: ")
        m.key("f1")
        m.see(r"Test Selection|Settings")
        m.key("esc")
    finally:
        m.close()


def installer(tmp):
    where = need(os.path.join(GUEST, "installer"), "the installer")
    m = Machine(tmp, "-bios", "bios-256k.bin", "-kernel", where + "/linux", "-initrd",
                where + "/initrd.gz", "-append", "vga=normal fb=false nomodeset", memory=1024)
    try:
        m.see(r"Select a language", 240)
        m.key("ret")
        m.see(r"Select your location|Country, territory or area")
    finally:
        m.close()


def mach(tmp):
    iso = grub_iso(tmp, "multiboot /boot/gnumach.gz\nboot\n",
                   ("boot/gnumach.gz", need(os.path.join(GUEST, "gnumach.gz"), "GNU Mach")))
    m = Machine(tmp, "-boot", "d", "-cdrom", iso)
    try:
        m.see(r"bootstrap_create: No bootstrap code loaded")
    finally:
        m.close()


def xen(tmp):
    iso = grub_iso(tmp, "multiboot2 /boot/xen.gz console=com1,vga com1=115200 noreboot\nboot\n",
                   ("boot/xen.gz", need(os.path.join(GUEST, "xen.gz"), "Xen")))
    m = Machine(tmp, "-boot", "d", "-cdrom", iso)
    try:
        m.hear(r"Xen version 4\.")
        m.hear(r"VGA is text mode 80x25")
        m.hear(r"dom0 kernel not specified")
    finally:
        m.close()


def login(m):
    m.hear(r"debian login: ", 300)
    m.say("root\n")
    m.hear(r"root@debian:~# ")


def debian(tmp, disk, card, nic):
    image = debian_disk(tmp)
    m = Machine(tmp, "-drive", f"file={image},format=raw,if={disk}", "-netdev", "user,id=n",
                "-device", f"{nic},netdev=n", memory=1024)
    try:
        m.see(r"GRUB is here|Loading|login:", 60)
        login(m)
        m.say("uname -sm; ls /sys/class/net; lspci 2>/dev/null | wc -l\n")
        m.hear(r"Linux x86_64")
        m.hear(r"eth0")
        m.say(f"readlink /sys/class/net/eth0/device/driver | grep -c {card}\n")
        m.hear(r"[\r\n]1[\r\n]")
        # The same on the screen, with its keyboard.
        m.see(r"debian login: *_?")
        m.type("root\n")
        m.see(r"root@debian:~#")
        m.type("echo $((6*7))-on-the-screen\n".replace("$((6*7))", "42"))
        m.see(r"(?m)^42-on-the-screen")
        m.say("poweroff\n")
        end = time.time() + 60
        while m.p.poll() is None and time.time() < end:
            m.listen(0.5)
        if m.p.poll() != 0:
            raise Wrong(f"poweroff: status {m.p.poll()}: {m.serial[-400:]}")
    finally:
        m.close()


def debian_virtio(tmp):
    debian(tmp, "virtio", "virtio_net", "virtio-net-pci")


def debian_ide(tmp):
    debian(tmp, "ide", "e1000", "e1000")


def ipxe(tmp):
    """The card's option ROM boots from the network: a script over TFTP."""
    tftp = os.path.join(tmp, "tftp")
    os.mkdir(tftp)
    with open(os.path.join(tftp, "boot.ipxe"), "w", encoding="utf-8") as f:
        f.write("#!ipxe\necho anykvm over TFTP to ${net0/ip}\nsleep 30\n")
    m = Machine(tmp, "-boot", "n", "-netdev", f"user,id=n,tftp={tftp},bootfile=boot.ipxe", "-device",
                "e1000,netdev=n")
    try:
        m.see(r"iPXE ")
        m.see(r"anykvm over TFTP to 10\.0\.2\.15")
    finally:
        m.close()


ROWS = [seabios_std, seabios_cirrus, grub_rescue, memtest, mach, xen, ipxe, installer, debian_virtio, debian_ide]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("-l", action="store_true", help="list the rows")
    ap.add_argument("name", nargs="*")
    args = ap.parse_args()
    rows = [r for r in ROWS if not args.name or r.__name__ in args.name]
    if args.l:
        print("\n".join(r.__name__ for r in rows))
        return 0
    failed = 0
    for n, row in enumerate(rows, 1):
        began = time.time()
        with tempfile.TemporaryDirectory(prefix="anykvm-screen.") as tmp:
            try:
                row(tmp)
                print(f"ok {n} - {row.__name__} ({time.time() - began:.1f} s)", flush=True)
            except Skip as e:
                print(f"ok {n} - {row.__name__} # SKIP {e}", flush=True)
            except Wrong as e:
                failed += 1
                text = str(e).replace("\n", "\n# ")
                print(f"not ok {n} - {row.__name__} ({time.time() - began:.1f} s)\n# {text}", flush=True)
    print(f"1..{len(rows)}")
    return failed != 0


sys.exit(main())
