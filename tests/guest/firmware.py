#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine through its firmware, on its serial console.

    tests/guest/firmware.py [-v] [NAME]...

A row is a command line, what must come on the console in this order (and what is typed then), and
how the process ends: by itself with a status, or by us.
"""
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

import bootdisks

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANYKVM = os.path.join(os.environ.get("ANYKVM_BUILD", os.path.join(TOP, "build")), "anykvm")
GUEST = os.path.join(TOP, "build/guest")
KERNEL = ["-kernel", f"{GUEST}/vmlinuz-amd64", "-initrd", f"{GUEST}/initrd-amd64.gz"]
KERNEL_32 = ["-kernel", f"{GUEST}/vmlinuz-686", "-initrd", f"{GUEST}/initrd-686.gz"]
APPEND = ["-append", "console=ttyS0 panic=-1 anykvm.info"]
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
GRUB = "/usr/lib/grub-rescue/"
PFLASH = ["-drive", f"if=pflash,unit=0,readonly=on,format=raw,file={OVMF_CODE}",
          "-drive", "if=pflash,unit=1,format=raw,file={tmp}/vars.fd"]
LIMIT = 120
# Disks of our own (bootdisks.py), each with its place in the order: "-" has none.
DISK = "if=none,format=raw,file={tmp}/"


def disks(cd, virtio, ide, floppy):
    def place(n):
        return "" if n == "-" else f",bootindex={n}"
    return ["-nodefaults", "-vga", "none", "-drive", DISK + "cd.iso,id=cd,media=cdrom", "-device",
            "ide-cd,bus=ide.1,drive=cd" + place(cd), "-drive", DISK + "a.img,id=a", "-device",
            "virtio-blk-pci,drive=a" + place(virtio), "-drive", DISK + "b.img,id=b", "-device",
            "ide-hd,bus=ide.0,unit=1,drive=b" + place(ide), "-drive",
            "if=floppy,format=raw,file={tmp}/f.img",
            *([] if floppy == "-" else ["-global", f"isa-fdc.bootindexA={floppy}"])]


def cards(*places):
    """Network cards, which OVMF drives, each with a network of its own: 10.0.N.0."""
    return [w for n, place in enumerate(places)
            for w in ("-netdev", f"user,id=n{n},net=10.0.{n}.0/24,tftp={{tmp}},bootfile=a.img",
                      "-device", f"virtio-net-pci,netdev=n{n},romfile=,bootindex={place}")]


# One disk alone, and what it does to the machine.
ALONE = ["-nodefaults", "-vga", "none", "-drive", "if=virtio,format=raw,file={tmp}/a.img"]
AGAIN = [("SeaBIOS (version", None), ("<a>", b"p")]


def again(key):
    return [("<a>", key), *AGAIN]

# Each step: text to wait for, what to type then (or None), and perhaps what to type every second
# until it comes. The end: a status, or None for ours.
ROWS = [
    ("seabios", ["-nodefaults"],
     [("SeaBIOS (version", None), ("No bootable device", None)], None),
    ("seabios-menu", ["-boot", "menu=on,splash-time=5000"],
     [("Press ESC for boot menu", b"\x1b"), ("Select boot device", None)], None),
    # Of several hard disks the BIOS starts one: the first is drive 80h.
    ("order", disks(3, 1, 2, 0), [("<f>", b"n"), ("<a>", b"n"), ("<cd>", b"p")], 0),
    ("order-other", disks(0, 7, 5, 9),
     [("<cd>", b"n"), ("<b>", b"n"), ("<f>", b"p")], 0),
    ("order-reset", disks(3, 1, 2, 4), [("<a>", b"r"), ("<a>", b"n"), ("<cd>", b"p")], 0),
    # Without an index and without strict=on, the letters decide what comes after.
    ("order-rest", [*disks("-", 0, "-", "-"), "-boot", "order=da"],
     [("<a>", b"n"), ("<cd>", b"n"), ("<f>", b"p")], 0),
    ("order-strict", [*disks("-", 1, 0, "-"), "-boot", "strict=on"],
     [("<b>", b"n"), ("No bootable device", None)], None),
    ("order-mmio", ["-nodefaults", "-vga", "none", "-device", "virtio-rng-device", "-drive",
                    DISK + "a.img,id=a", "-device", "virtio-blk-device,drive=a,bootindex=0", "-drive",
                    DISK + "b.img,id=b", "-device", "ide-hd,drive=b,bootindex=1"],
     [("<a>", b"r"), ("<a>", b"p")], 0),
    ("order-taken", disks(1, 2, 1, 0),
     [("anykvm: -device ide-hd,bus=ide.0,unit=1,drive=b,bootindex=1: bootindex 1 is taken by ide-cd;",
       None)], 1),
    ("order-nic", ["-nodefaults", "-vga", "none", "-netdev", "user,id=n", "-device",
                   "e1000,netdev=n,bootindex=0,romfile=pxe-e1000.rom", "-drive", DISK + "a.img,id=a",
                   "-device", "virtio-blk-pci,drive=a,bootindex=1"],
     [("Booting from ROM", None), ("Ctrl-B", b"\2"), ("iPXE>", b"exit\r"), ("<a>", b"p")], 0),
    ("order-rom", [*disks("-", 1, "-", "-"), "-option-rom", "pxe-e1000.rom,bootindex=0", "-device",
                   "e1000,romfile="],
     [("Booting from ROM", None), ("Ctrl-B", b"\2"), ("iPXE>", b"exit\r"), ("<a>", b"p")], 0),
    ("order-kernel", [*disks(1, 0, 2, 3), "-bios", "bios-256k.bin", *KERNEL, *APPEND],
     [("Booting from ROM", None), ("anykvm-up:", None)], 0),
    ("once", [*disks("-", "-", "-", "-"), "-boot", "order=c,once=d"],
     [("<cd>", b"r"), ("<b>", b"p")], 0),
    ("retry", ["-nodefaults", "-vga", "none", "-boot", "reboot-timeout=1000"],
     [("Retrying in 1 seconds", None), ("SeaBIOS (version", None)], None),
    ("triple-fault", ALONE, again(b"t"), 0),
    ("reset-cf9", ALONE, again(b"r"), 0),
    ("reset-keyboard", ALONE, again(b"k"), 0),
    ("reset-92", ALONE, again(b"9"), 0),
    *((f"no-reboot-{key}", [*ALONE, "-no-reboot"], [("<a>", key.encode())], 0) for key in "trk9"),
    ("no-shutdown", [*ALONE, "-no-shutdown"],
     [("<a>", b"p\1c"), ("(anykvm)", None), ("paused (shutdown)", b"system_reset\r", b"info status\r"),
      ("(anykvm)", b"cont\r\1c"), ("<a>", b"\1cquit\r")], 0),
    ("no-vga", ["-vga", "none"], [("No bootable device", None)], None),
    ("kernel", ["-bios", "bios-256k.bin", "-smp", "4", *KERNEL, *APPEND],
     [("Booting from ROM", None), ("PIIX4 ACPI", None),
      ("CPUs: 4", None), ("anykvm-up:", None)], 0),
    ("kernel-32", ["-bios", "bios-256k.bin", *KERNEL_32, *APPEND],
     [("Booting from ROM", None), ("anykvm-up:", None)], 0),
    ("direct", ["-smp", "2", *KERNEL, *APPEND],
     [("[8086:1237]", None), ("[8086:7000]", None), ("[8086:7113]", None),
      ("Interrupt link LNKA configured for IRQ 10", None), ("anykvm-up:", None)], 0),
    ("uefi-shell", [*PFLASH], [("Shell>", b"reset -s\r")], 0),
    ("uefi-bios", ["-bios", "OVMF.fd"], [("Shell>", b"reset -s\r")], 0),
    ("uefi-reset", ["-no-reboot", *PFLASH], [("Shell>", b"reset\r")], 0),
    ("uefi-order", [*PFLASH, *cards(1, 0)],
     [("Start PXE over IPv4", None), ("Station IP address is 10.0.1.15", None)], None),
    ("uefi-order-other", [*PFLASH, *cards(0, 1)],
     [("Start PXE over IPv4", None), ("Station IP address is 10.0.0.15", None)], None),
    ("uefi-kernel", [*PFLASH, *KERNEL, *APPEND], [("EFI v2", None), ("anykvm-up:", None)], 0),
    ("grub-cd", ["-boot", "d", "-cdrom", GRUB + "grub-rescue-cdrom.iso"],
     [("Booting from DVD/CD", None), ("GNU GRUB", None)], None),
    ("grub-floppy", ["-boot", "a", "-fda", GRUB + "grub-rescue-floppy.img"],
     [("Booting from Floppy", None), ("GRUB", None)], None),
]

verbose = False


def play(args, steps):
    """The steps on a machine: what is wrong, or None; and its exit status (None: ended by us)."""
    p = subprocess.Popen([ANYKVM, "-accel", "bt", "-nographic", *args], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen, end, wrong = b"", time.time() + LIMIT, None
    for text, answer, *ask in steps:
        while text.encode() not in seen and not wrong:
            left = end - time.time()
            if ask and left > 0 and not select.select([p.stdout], [], [], 1)[0]:
                p.stdin.write(ask[0])
                p.stdin.flush()
                continue
            if left <= 0 or not select.select([p.stdout], [], [], left)[0]:
                wrong = f"'{text}' did not come in {LIMIT} s"
                break
            data = os.read(p.stdout.fileno(), 65536)
            if not data:
                wrong = f"ended before '{text}'"
            seen += data
            if verbose:
                sys.stderr.buffer.write(data)
        if wrong:
            return f"{wrong}; last: {seen[-300:]!r}", stop(p)
        seen = seen[seen.index(text.encode()) + len(text):]
        if answer:
            p.stdin.write(answer)
            p.stdin.flush()
    return None, p


def stop(p):
    if p.poll() is None:
        p.terminate()
    try:
        p.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
    return p.returncode


def run(args, steps, status):
    wrong, p = play(args, steps)
    if wrong:
        return wrong
    if status is None:
        stop(p)
        return None
    try:
        p.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        stop(p)
        return "did not end"
    return None if p.returncode == status else f"ended with status {p.returncode}"


def missing(args):
    for a in args:
        path = a.split("file=")[-1] if "file=" in a else a
        if path.startswith("/") and "{tmp}" not in path and not os.path.exists(path):
            return path
    return None


def main():
    global verbose
    names = [a for a in sys.argv[1:] if a != "-v"]
    verbose = "-v" in sys.argv[1:]
    rows = [r for r in ROWS if not names or r[0] in names]
    failed = 0
    ours = tempfile.TemporaryDirectory(prefix="anykvm-firmware.")
    bootdisks.make(ours.name)
    for n, (name, args, steps, status) in enumerate(rows, 1):
        absent = missing(args)
        if absent:
            print(f"ok {n} - {name} # SKIP {absent} is not there", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="anykvm-firmware.") as tmp:
            for image in os.listdir(ours.name):
                os.link(os.path.join(ours.name, image), os.path.join(tmp, image))
            if os.path.exists(OVMF_VARS):
                shutil.copy(OVMF_VARS, f"{tmp}/vars.fd")
            began = time.time()
            wrong = run([a.replace("{tmp}", tmp) for a in args], steps, status)
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {n} - {name} ({time.time() - began:.1f} s)")
        if wrong:
            print(f"# {wrong}")
        sys.stdout.flush()
    print(f"1..{len(rows)}")
    return failed != 0


sys.exit(main())
