#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of anykvm: wrong input ends in exactly one line that names what is wrong, and
status 1, with nothing half-started; what only prints, prints.

    tests/host/cli.py [PATH-OF-ANYKVM]

Nothing here needs an accelerator: all of it is refused before one is opened.
"""
import os
import struct
import subprocess
import sys
import tempfile

from tap import end, ok

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANYKVM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/anykvm")


def run(args, **env):
    p = subprocess.run([ANYKVM, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=20,
                       env={**os.environ, **env})
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def refused(name, args, *words, **env):
    """One line, status 1, nothing on standard output, and every word in the line."""
    rc, out, err = run(args, **env)
    good = (rc == 1 and out == "" and err.startswith("anykvm: ") and err.count("\n") == 1
            and err.endswith("\n") and all(w in err for w in words))
    ok(good, name, f"status {rc}\nstdout {out!r}\nstderr {err!r}")


def prints(name, args, *words):
    rc, out, err = run(args)
    ok(rc == 0 and err == "" and all(w in out for w in words), name,
       f"status {rc}\nstdout {out!r}\nstderr {err!r}")


# --- files to be refused ---

def bzimage(version=0x20f, sects=4, size=0x1000, loadflags=1, xloadflags=3, sys16=None,
            pref=0x1000000, init=0x100000, cmdline=2047, data=True):
    h = bytearray((sects + 1) * 512)
    h[0x1f1] = sects
    struct.pack_into("<I", h, 0x1f4, size // 16 if sys16 is None else sys16)
    struct.pack_into("<H", h, 0x1fe, 0xaa55)
    h[0x200:0x202] = b"\xeb\x66"
    h[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", h, 0x206, version)
    h[0x211] = loadflags
    struct.pack_into("<I", h, 0x22c, 0x7fffffff)
    struct.pack_into("<H", h, 0x236, xloadflags)
    struct.pack_into("<I", h, 0x238, cmdline)
    struct.pack_into("<Q", h, 0x258, pref)
    struct.pack_into("<I", h, 0x260, init)
    return bytes(h) + (b"\xf4" * size if data else b"")


def elf64(machine=62, etype=2, segs=(), entry=0x1000000, phentsize=56, body=b""):
    n = len(segs)
    e = b"\x7fELF\x02\x01\x01" + bytes(9)
    e += struct.pack("<HHIQQQIHHHHHH", etype, machine, 1, entry, 64, 0, 0, 64, phentsize, n, 0, 0, 0)
    for (ptype, off, paddr, filesz, memsz) in segs:
        e += struct.pack("<IIQQQQQQ", ptype, 5, off, paddr, paddr, filesz, memsz, 0x1000)
    return e + body


def disks():
    refused("a drive's key that is none", ["-drive", "file=x,fromat=raw"], "fromat", "'format'")
    refused("a drive's interface", ["-drive", "x,if=scsi"], "if=scsi", "ide, virtio")
    refused("a drive's cache mode", ["-drive", "x,cache=fast"], "cache=fast", "writethrough")
    refused("two drives in one place", ["-hda", "x", "-drive", "y,index=0"], "bus=0 unit=0")
    refused("index= and unit=", ["-drive", "x,index=0,unit=1"], "index=", "unit=")
    refused("aio=native past the cache only", ["-drive", "x,aio=native"], "cache=none")
    refused("a CD that is written", ["-drive", "x,media=cdrom,readonly=off"], "media=cdrom")
    refused("copy-on-read", ["-drive", "x,copy-on-read=on"], "copy-on-read")
    refused("a block node without a name", ["-blockdev", "driver=file,filename=x"], "node-name=")
    refused("a block driver", ["-blockdev", "qcow2,node-name=a,file=b"], "driver=qcow2")
    refused("a block node's file", ["-blockdev", "raw,node-name=a,file.driver=file"], "filename=")
    for words, says in (
            ('{"driver":"raw","node-name":"a","file":{"driver":"file","filename":"/no,where"}}',
             "'/no,where'"),
            ('{"driver":"raw","node-name":"a","cache":{"direct":7}}', "cache.direct=7"),
            ('{"driver":"file","node-name":"a","filename":"b","locks":true}', "'locks'"),
            ('{"driver":"raw"} x', "is not JSON"), ('{"driver":', "is not JSON"),
            ('{driver:"raw"}', "character 2"), ('{"driver":null}', "null"), ("{}", "says nothing"),
            ('{"a=b":1}', "'a=b'")):
        refused(f"-blockdev {words}", ["-accel", "bt", "-blockdev", words], "-blockdev", says)


def main():
    tmp = tempfile.TemporaryDirectory(prefix="anykvm-cli.")

    def file(name, data, size=None):
        path = os.path.join(tmp.name, name)
        with open(path, "wb") as f:
            f.write(data)
            if size:
                f.truncate(size)
        return path

    good = file("good.bz", bzimage())

    prints("help", ["-help"], "-kernel FILE", "-no-reboot", "Ctrl-A x")
    prints("help in short", ["-h"], "-smp N")
    prints("help with two dashes", ["--help"], "-smp N")
    prints("version", ["-version"], "anykvm ")
    prints("accelerators", ["-accel", "help"], "kvm", "bt")
    prints("processors", ["-cpu", "help"], "host", "max", "avx2")
    prints("trace items", ["-d", "help"], "exits", "stats", "count", "perf")

    refused("an initrd without a kernel", ["-initrd", good], "-initrd", "-kernel")
    refused("a command line without a kernel", ["-append", "x"], "-append", "-kernel")
    refused("-machine of another kind", ["-machine", "q35"], "-machine", "q35")
    refused("-machine with what it has not", ["-machine", "pc,foo=1"], "-machine", "foo")
    refused("-machine with another accelerator", ["-M", "pc,accel=tcg"], "tcg", "kvm and bt")
    refused("-vga unknown", ["-vga", "voodoo"], "voodoo", "std")
    refused("-fw_cfg without a name", ["-fw_cfg", "string=x"], "-fw_cfg", "name")
    refused("-fw_cfg without contents", ["-fw_cfg", "opt/x"], "-fw_cfg", "string=")
    refused("-bios missing", ["-accel", "bt", "-bios", "/nonexistent/bios"], "-bios", "No such file")
    refused("-bios too small", ["-accel", "bt", "-bios", file("bios", b"x" * 4096)], "-bios", "4096")
    for bad in "base=noon", "base=2006-02-30", "base=2006-06-17T16:01", "clock=tsc", "driftfix=slew":
        refused(f"-rtc {bad}", ["-rtc", bad], "-rtc", bad)
    for bad in "65536", "-2", "x", "1s":
        refused(f"-boot reboot-timeout={bad}", ["-boot", f"reboot-timeout={bad}"],
                f"reboot-timeout={bad}: must be from 0 to 65535")
    for bad in "order=x", "once=cc", "order=acdn", "strict=perhaps", "menu=2", "splash=x.bmp":
        refused(f"-boot {bad}", ["-boot", bad], "-boot", bad.split("=")[0])
    for bad in "x", "-2", "2147483648", "1.5":
        refused(f"-device with bootindex={bad}",
                ["-accel", "bt", "-bios", "bios-256k.bin", "-device", f"e1000,bootindex={bad}"],
                f"bootindex={bad}: must be a whole number from 0 to 2147483647")
    refused("33 virtio devices over MMIO", ["-accel", "bt", "-bios", "bios-256k.bin"] +
            ["-device", "virtio-rng-device"] * 33, "all 32 places", "take virtio-rng-pci")
    file("libvncserver.so.1", b"no library")
    refused("-vnc with a libvncserver that is none", ["-accel", "bt", "-vnc", ":47"], "-vnc:",
            "libvncserver.so.1", "package", LD_LIBRARY_PATH=tmp.name)
    libraries = run([], LD_TRACE_LOADED_OBJECTS="1")[1]
    ok("libc.so" in libraries and "vncserver" not in libraries and "gnutls" not in libraries,
       "what only viewers need is not linked", libraries)

    refused("unknown option", ["-krenel", "x"], "-krenel", "did you mean -kernel?")
    refused("unknown option, another", ["-nographics"], "-nographics", "did you mean -nographic?")
    refused("unknown option after good ones", ["-m", "64", "-aceel", "kvm"], "-aceel", "-accel?")
    disks()
    refused("an option of QEMU's that is not here", ["-loadvm", "x"], "-loadvm")
    for opt in "m smp cpu kernel initrd append serial accel d device global chardev name uuid".split():
        refused(f"-{opt} without its argument", ["-" + opt], f"-{opt} needs an argument")

    for bad in ("0", "nonsense", "12Q", "-5", "", "1MM", "0x100", "1e99", "nan", " 5", "64 M"):
        refused(f"-m {bad!r}", ["-m", bad, "-kernel", good], "-m")
    refused("-m with slots", ["-m", "1G,slots=2,maxmem=4G"], "maxmem")
    refused("-m beyond any PC", ["-m", "99999999999G"], "more memory")
    refused("-m more than the host has", ["-m", "60000G", "-kernel", good], "-m", "host cannot give")

    for bad in ("0", "-1", "abc", "256", "", "1.5", "2x", "4,cores=3", "cores=0", "sockets=300",
                "2,foo=1", "2,3", "cpus=2,maxcpus=4", "99999999999999999999"):
        refused(f"-smp {bad!r}", ["-smp", bad, "-kernel", good], "-smp")
    refused("-smp with ids past 254", ["-smp", "252,sockets=84,cores=3", "-kernel", good], "APIC ids")

    refused("-cpu unknown model", ["-cpu", "pentium9"], "pentium9")
    refused("-cpu unknown feature", ["-cpu", "host,avx3=on"], "avx3", "did you mean 'avx'?")
    refused("-cpu neither on nor off", ["-cpu", "host,avx2=maybe"], "on or off")
    refused("-accel unknown", ["-accel", "tcg"], "tcg", "kvm and bt")
    refused("-accel unknown in a list", ["-accel", "kvm:hvf"], "hvf")
    refused("-accel empty", ["-accel", ""], "-accel")
    refused("-serial unknown", ["-serial", "telnet:1"], "telnet:1", "stdio", "tcp:HOST:PORT")
    refused("-serial tcp: without a port", ["-serial", "tcp:1"], "tcp:HOST:PORT")
    refused("-serial unix: with an unknown part", ["-serial", "unix:/x,servre=on"], "'servre'",
            "'server'")
    refused("-serial on no -chardev",
            ["-accel", "bt", "-serial", "chardev:c", "-kernel", good], "id=c")
    refused("-chardev unknown", ["-chardev", "soket,id=a"], "'soket'", "did you mean 'socket'?")
    refused("-chardev without id", ["-chardev", "null"], "id= is missing")
    refused("-chardev twice one id", ["-chardev", "null,id=a", "-chardev", "pty,id=a"], "id=a")
    refused("-chardev socket to nowhere", ["-chardev", "socket,id=a"], "path=", "port=")
    refused("-chardev socket to two places", ["-chardev", "socket,id=a,path=/x,port=1"], "path=")
    refused("-chardev socket in telnet", ["-chardev", "socket,id=a,port=1,telnet=on"], "telnet")
    refused("-chardev ringbuf of an odd size", ["-chardev", "ringbuf,id=a,size=3"], "power of two")
    refused("-chardev file without a path", ["-chardev", "file,id=a"], "path= is missing")
    refused("-chardev stdio beside -serial stdio",
            ["-chardev", "stdio,id=a", "-serial", "stdio"], "already serve -chardev stdio,id=a")
    prints("back ends", ["-chardev", "help"], "socket", "reconnect=", "ringbuf")
    refused("-serial file without a name", ["-serial", "file:"], "file:")
    refused("two serial ports on one terminal",
            ["-serial", "stdio", "-serial", "mon:stdio", "-kernel", good], "already")
    refused("five serial ports", ["-serial", "null"] * 5, "4 serial ports")
    missing_dir = os.path.join(tmp.name, "nowhere")
    prints("devices", ["-device", "help"], "-device NAME", "Network:", "e1000", "virtio-blk-pci")
    prints("a device's properties", ["-device", "e1000,help"], "netdev=NETDEV", "mac=", "romfile=",
           "addr=SLOT", "After: ")
    refused("-device with a slip", ["-device", "e100"], "did you mean 'e1000'?")
    refused("-device, unknown property", ["-device", "e1000,netdv=a"], "'netdv'", "'netdev'")
    refused("-device, no id", ["-device", "e1000,id=1x"], "id=1x", "begin with a letter")
    refused("-device, one id twice", ["-device", "e1000,id=a", "-device", "VGA,id=a"], "id=a")
    for words, says in (("e1000,netdev=n9", "n9"), ("e1000,mac=1", "52:54:00"),
                        ("e1000,mac=53:54:00:12:34:56", "multicast"), ("e1000,addr=20", "1f.7"),
                        ("e1000,addr=4.1", "multifunction"), ("e1000,addr=0", "taken by i440fx"),
                        ("e1000,bus=pci.1", "pci.0"), ("virtio-blk-pci,drive=d9", "d9"),
                        ("virtio-blk-pci,num-queues=65", "from 1 to 64"),
                        ("e1000,multifunction=maybe", "on or off"), ("ide-hd,addr=3", "addr=")):
        refused(f"-device {words}", ["-accel", "bt", "-device", words], "-device " + words, says)
    refused("-global with a wrong value",
            ["-accel", "bt", "-global", "e1000.mac=x", "-device", "e1000"], "mac=x")
    refused("-device unknown", ["-device", "nosuchcard"], "-device", "'nosuchcard'")
    refused("-device of the board", ["-device", "rtc"], "rtc is part of the board")
    refused("-device in JSON", ["-accel", "bt", "-device",
            '{"driver":"virtio-blk-pci","drive":"d9","config-wce":false,"num-queues":2}'],
            "config-wce=off,num-queues=2", "d9")
    refused("-netdev in JSON", ["-netdev", '{"type":"user","id":"n","hostfwd":'
            '[{"str":"tcp:127.0.0.1:0-:1"},{"str":"nonsense"}]}'], "hostfwd=nonsense")
    refused("-object in JSON", ["-object", '{"qom-type":"secret","id":"s","format":"x"}'], "format=x")
    refused("-device without a name", ["-device", "id=x"], "-device id=x")
    refused("-global unknown device", ["-global", "rtx.y=1"], "'rtx'", "did you mean 'rtc'?")
    refused("-global unknown property", ["-global", "rtc.y=1"], "has no propert")
    refused("-global, long form, unknown property",
            ["-global", "driver=rtc,property=y,value=1"], "has no propert")
    refused("-global that is none", ["-global", "rtc"], "driver= is missing")
    for bad in ("", "550e8400", "550e8400-e29b-41d4-a716-44665544000", "550e8400-e29b-41d4-a716-4466554400000",
                "550e8400e29b41d4a716446655440000", "g50e8400-e29b-41d4-a716-446655440000"):
        refused(f"-uuid {bad!r}", ["-uuid", bad], "-uuid", "must be like")
    refused("-name with an unknown part", ["-name", "x,proces=y"], "'proces'", "'process'")
    refused("-sandbox unknown", ["-sandbox", "maybe"], "on or off")
    refused("-runas unknown", ["-runas", "nosuchuser"], "no such user")
    refused("-chroot to nowhere", ["-accel", "bt", "-chroot", missing_dir], "-chroot")
    refused("a program in the sandbox", ["-accel", "bt", "-netdev",
            "user,id=n,guestfwd=tcp:10.0.2.100:1234-cmd:cat"], "-sandbox off")
    refused("-d unknown", ["-d", "exitz"], "exitz", "did you mean 'exit")

    missing = os.path.join(tmp.name, "missing")
    refused("kernel missing", ["-kernel", missing], "-kernel", missing, "No such file")
    refused("kernel is a directory", ["-kernel", tmp.name], "directory")
    refused("kernel is a device", ["-kernel", "/dev/zero"], "device")
    refused("kernel empty", ["-kernel", file("empty", b"")], "empty")
    refused("kernel of one byte", ["-kernel", file("one", b"x")], "not a kernel")
    refused("kernel is text", ["-kernel", file("text", b"hello\n" * 100)], "not a kernel")
    refused("kernel is a script", ["-kernel", file("script", b"#!/bin/sh\n")], "script")
    refused("kernel is gzip", ["-kernel", file("gz", b"\x1f\x8b" + bytes(600))], "gzip")
    refused("kernel is an initrd", ["-kernel", file("cpio", b"070701" + bytes(600))], "-initrd")
    refused("initrd missing", ["-kernel", good, "-initrd", missing], "-initrd", missing)
    refused("initrd empty", ["-kernel", good, "-initrd", file("empty", b"")], "-initrd", "empty")
    if os.geteuid():
        secret = file("secret", bzimage())
        os.chmod(secret, 0)
        refused("kernel unreadable", ["-kernel", secret], "Permission denied")

    refused("bzImage cut off in its setup", ["-kernel", file("cut1", bzimage()[:1024])], "cut off")
    refused("bzImage cut off in its code", ["-kernel", file("cut2", bzimage(sys16=0x10000))],
            "cut off")
    refused("bzImage of protocol 1", ["-kernel", file("old", bzimage(version=0x105))], "1.05")
    refused("zImage", ["-kernel", file("zimage", bzimage(loadflags=0))], "zImage")
    refused("bzImage too big for RAM", ["-m", "16", "-kernel", good], "needs -m 17", "there are 16")
    refused("bzImage with a wild size",
            ["-kernel", file("wild", bzimage(pref=2**64 - 4096, init=2**32 - 1))], "-kernel")
    refused("command line too long", ["-kernel", good, "-append", "x" * 2048], "2048", "2047")
    for bad in ("foo", "", "65536", "0x317x", "-1"):
        refused(f"vga={bad}", ["-accel", "bt", "-bios", "bios-256k.bin", "-kernel", good, "-append", f"quiet vga={bad} x"],
                "-append", f"vga={bad}", "normal", "65535")
    refused("initrd too big for RAM",
            ["-m", "32", "-kernel", good, "-initrd", file("big", b"x", 40 << 20)],
            "-initrd", "too big", "40 MiB", "-m 5")
    refused("initrd too big for any PC",
            ["-m", "64", "-kernel", good, "-initrd", file("huge", b"x", 3500 << 20)],
            "-initrd", "too big", "3500 MiB")

    load = (1, 0x78, 0x1000000, 8, 8)
    for name, data, words in (
            ("ELF for another processor", elf64(machine=183, segs=[load], body=bytes(64)),
             ("another processor",)),
            ("ELF object file", elf64(etype=1, segs=[load], body=bytes(64)), ("not an executable",)),
            ("ELF without headers", elf64(), ("program headers",)),
            ("ELF with wrong header size", elf64(segs=[load], phentsize=40), ("program headers",)),
            ("ELF with headers past its end", elf64(segs=[load])[:100], ("program headers",)),
            ("ELF with nothing to load", elf64(segs=[(6, 0, 0, 0, 0)], body=bytes(64)),
             ("nothing to load",)),
            ("ELF with a segment past its end", elf64(segs=[(1, 0x78, 0x1000000, 9999, 9999)]),
             ("cut off",)),
            ("ELF with more in the file than in memory",
             elf64(segs=[(1, 0x78, 0x1000000, 8, 4)], body=bytes(64)), ("damaged",)),
            ("ELF that wraps", elf64(segs=[(1, 0x78, 2**64 - 4, 8, 8)], body=bytes(64)),
             ("damaged",)),
            ("ELF below 1 MiB", elf64(segs=[(1, 0x78, 0x8000, 8, 8)], body=bytes(64)),
             ("below 1 MiB",)),
            ("ELF above RAM", elf64(segs=[(1, 0x78, 1 << 40, 8, 8)], body=bytes(64)),
             ("a PC's ends at",)),
            ("ELF program", elf64(segs=[(3, 0x78, 0, 8, 8), load], body=bytes(64)),
             ("program for an operating system",)),
            ("ELF shared object", elf64(etype=3, segs=[load], body=bytes(64)), ("PVH",))):
        refused(name, ["-kernel", file("elf", data)], "-kernel", *words)
    refused("/bin/sh as a kernel", ["-kernel", "/bin/sh"], "-kernel")

    # Nothing half-started: the file of a serial port is not made when the rest is wrong.
    log = os.path.join(tmp.name, "log")
    refused("wrong kernel beside a serial file",
            ["-serial", "file:" + log, "-kernel", missing], missing)
    ok(not os.path.exists(log), "and the file was not made")

    return end()


sys.exit(main())
