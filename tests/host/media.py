#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Media that go in and out by QMP: what eject, change and the tray's commands answer, which events
they send, and what query-block says afterwards; a disk that JSON describes.

    tests/host/media.py [PATH-OF-ANYKVM [ACCEL]]
"""
import os
import sys

from little import TMP, Machine, end, ok
from qmp_client import Qmp


def image(name, size):
    path = os.path.join(TMP.name, name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def drives(q):
    return {b["device"]: b for b in q.send("query-block")["return"]}


def moved(q):
    """The trays' moves that were told of since the last call: (device, open)."""
    q.send("query-name")
    told = [e["data"] for e in q.events if e["event"] == "DEVICE_TRAY_MOVED"]
    q.events.clear()
    ok(all(set(t) == {"device", "id", "tray-open"} and isinstance(t["id"], str) for t in told), "events have what they must", told)
    return [(t["device"], t["tray-open"]) for t in told]


def refused(answer, *words):
    return all(w in answer.get("error", {}).get("desc", "") for w in words) and "error" in answer


def tray(q, device, first, second):
    ok(q.send("eject", device=device) == {"return": {}} and moved(q) == [(device, True)],
       f"{device}: eject opens the tray")
    b = drives(q)[device]
    ok(b["tray_open"] and "inserted" not in b, f"{device}: and nothing is in it", b)
    ok(q.send("eject", device=device) == {"return": {}} and moved(q) == [],
       f"{device}: an open tray does not open")
    a = q.send("blockdev-change-medium", device=device, filename=second)
    ok(a == {"return": {}} and moved(q) == [(device, False)], f"{device}: a medium closes it", a)
    b = drives(q)[device]
    ok(not b["tray_open"] and b["inserted"]["file"] == second and
       b["inserted"]["image"]["virtual-size"] == os.path.getsize(second),
       f"{device}: it is the new one", b)
    a = q.send("blockdev-change-medium", device=device, filename=first)
    ok(a == {"return": {}} and moved(q) == [(device, True), (device, False)],
       f"{device}: a change opens and closes", a)
    a = q.send("blockdev-change-medium", device=device, filename="/no/where")
    ok(refused(a, "/no/where") and moved(q) == [] and drives(q)[device]["inserted"]["file"] == first,
       f"{device}: what is not there changes nothing", a)
    a = q.send("blockdev-change-medium", device=device, filename=first)
    ok(a == {"return": {}} and moved(q) == [(device, True), (device, False)] and
       drives(q)[device]["inserted"]["file"] == first, f"{device}: the same again", a)
    ok(q.send("blockdev-open-tray", device=device) == {"return": {}} and moved(q) == [(device, True)]
       and "inserted" in drives(q)[device], f"{device}: opened with what is in it")
    ok(q.send("blockdev-close-tray", device=device) == {"return": {}} and
       moved(q) == [(device, False)], f"{device}: and closed")


def snapshots(image_path):
    """An image under a snapshot is only read, so two may share it."""
    here = os.path.join(TMP.name, "other-qmp")
    for words in (("-snapshot", "-drive", f"if=none,id=a,file={image_path},format=raw",
                   "-drive", f"if=none,id=b,file={image_path},format=raw"),
                  ("-drive", f"if=none,id=a,file={image_path},format=raw,snapshot=on",
                   "-drive", f"if=none,id=b,file={image_path},format=raw,snapshot=on")):
        m = Machine("-qmp", f"unix:{here},server=on,wait=off", "-serial", "null", *words, tty=False)
        try:
            b = drives(Qmp(here).begin())
        except OSError:
            b = {}
        ok("b" in b and not b["b"]["inserted"]["ro"], f"{words[0]}: two over one image, both writable", b)
        m.close()


def main():
    path, cd = os.path.join(TMP.name, "qmp"), image("cd", 1 << 20)
    floppy, fixed = image("floppy", 1440 << 10), image("fixed", 1 << 20)
    node = '{"driver":"raw","node-name":"n0","file":{"driver":"file","filename":"%s"}}' % fixed
    disk = '{"driver":"virtio-blk-pci","drive":"n0","id":"v0","write-cache":"off","serial":"a,b"}'
    m = Machine("-qmp", f"unix:{path},server=on,wait=off", "-serial", "null", "-cdrom", cd,
                "-fda", floppy, "-drive", f"if=none,id=loose,media=cdrom,file={cd},readonly=on",
                "-blockdev", node, "-device", disk, tty=False)
    q = Qmp(path).begin()
    snapshots(image("base", 1 << 20))
    tray(q, "ide1-cd0", cd, image("other", 2 << 20))
    tray(q, "floppy0", floppy, image("small", 720 << 10))
    tray(q, "loose", cd, image("third", 3 << 20))
    a = q.send("eject", device="n0")
    ok(refused(a, "n0", "taken out") and moved(q) == [], "a fixed disk stays", a)
    ok(refused(q.send("eject", device="nothing"), "nothing"), "no such drive")
    b = drives(q)["n0"]
    ok(b["qdev"] == "v0" and not b["inserted"]["cache"]["writeback"],
       "JSON: a node and the device on it, which turns its write cache off", b)
    q.send("quit")
    ok(m.wait() == 0, "the end")
    m.close()


main()
sys.exit(end())
