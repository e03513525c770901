# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests that run one script each in a Linux guest share: its initrd with modules and scripts, the
machine's console, and the report of rows.

A row is a name and a function that returns "" when all is well, "skip: REASON", or what is wrong.
"""
import argparse
import os
import select
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST = os.path.join(TOP, "build/guest")
KERNEL = os.path.join(GUEST, "vmlinuz-amd64")
MODULES = os.path.join(GUEST, "modules-amd64")
ANYKVM = os.path.join(os.environ.get("ANYKVM_BUILD", os.path.join(TOP, "build")), "anykvm")
NO_MODULES = "skip: the guest's modules are not there (make guest GUESTS=modules)"

# How a script begins that is given modules (make_initrd), and what waits for the cable of its card: one
# that was just put in is not up at once.
START = r"""#!/bin/busybox sh
b=/bin/busybox
for m in $(cat /tests/modules); do
	$b insmod /modules/$m || echo "anykvm-insmod: $m failed"
done
"""
CABLE = r"""
$b ip link set eth0 up
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break
	$b sleep 1
done
"""

VIRTIO_PCI = ["drivers/virtio/virtio", "drivers/virtio/virtio_ring",
              "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci_legacy_dev",
              "drivers/virtio/virtio_pci"]


def host(args, *qemu):
    """The program and its accelerator; QEMU's with --qemu, and these words for it alone."""
    if args.qemu:
        return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", *qemu]
    return [ANYKVM, "-accel", "bt"]


def make_initrd(tmp, modules, files=(), **scripts):
    """The usual one, with these modules, in order, scripts by name, and files as scripts/mkinitrd takes
    them; None: a module is not there."""
    items = list(files)
    for name, text in (*scripts.items(),
                       ("modules", "\n".join(os.path.basename(m) + ".ko" for m in modules))):
        path = os.path.join(tmp, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, 0o755)
        items.append(f"tests/{name}={path}")
    for m in modules:
        path = os.path.join(MODULES, "kernel", m + ".ko")
        if not os.path.exists(path):
            return None
        items.append(f"modules/{os.path.basename(m)}.ko={path}")
    out = os.path.join(tmp, "initrd")
    subprocess.run([os.path.join(TOP, "scripts/mkinitrd"), out,
                    os.path.join(GUEST, "busybox-amd64"), *items], check=True)
    return out


def drive(argv, verbose, enough=lambda text: False, limit=150):
    """The console's text, until the process ends, or is killed when @enough says so."""
    text = ""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    end = time.monotonic() + limit
    while time.monotonic() < end and not enough(text):
        if not select.select([p.stdout], [], [], 1)[0]:
            continue
        data = os.read(p.stdout.fileno(), 65536)
        if not data:
            break
        if verbose:
            sys.stderr.write(data.decode(errors="replace"))
        text += data.decode(errors="replace")
    p.kill()
    # What was said before the end still counts.
    text += p.stdout.read().decode(errors="replace")
    p.wait()
    return text


def arguments(**more):
    """Of the command line; @more: options of the test's own, with what argparse wants to know."""
    ap = argparse.ArgumentParser()
    for name, what in more.items():
        ap.add_argument("--" + name, **what)
    ap.add_argument("-v", dest="verbose", action="store_true")
    ap.add_argument("--qemu", action="store_true")
    ap.add_argument("names", nargs="*")
    return ap.parse_args()


def run(rows, names):
    """All rows, or those of @names; for sys.exit()."""
    rows = [r for r in rows if not names or r[0] in names]
    print(f"1..{len(rows)}", flush=True)
    bad = 0
    for i, (name, fn) in enumerate(rows, 1):
        begin = time.monotonic()
        why = fn()
        took = f"{time.monotonic() - begin:.1f} s"
        if why.startswith("skip: "):
            print(f"ok {i} - {name} # SKIP {why[6:]}", flush=True)
            continue
        bad += bool(why)
        print(f"{'not ok' if why else 'ok'} {i} - {name} ({took})", flush=True)
        for line in why.splitlines():
            print("# " + line, flush=True)
    return bad != 0
