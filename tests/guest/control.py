#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Linux guest and who manages it: what one does, the other sees.

    tests/guest/control.py [-l] [NAME]...

A row is a shell in the guest, on its serial port, with the monitor for people and the one for programs.
"""
import os
import re
import socket
import sys
import time

import linux
from boot import Wrong
from pc import main, shell

sys.path.insert(0, os.path.join(linux.TOP, "tests/host"))
from qmp_client import Qmp  # noqa: E402: the path is made above

MIB = 1 << 20
NETWORK = ["net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net"]
LIMIT = 60


def managed(tmp, modules, *args):
    path = os.path.join(tmp, "qmp")
    m = shell(tmp, modules, "-qmp", f"unix:{path},server=on,wait=off", *args)
    return m, Qmp(path, LIMIT).begin()


def event(q, name, good):
    """Wait for an event whose data is good."""
    end, last = time.monotonic() + LIMIT, None
    while time.monotonic() < end and (e := q.event(name)):
        last = e
        if good(e.get("data")):
            return
    raise Wrong(f"{name} did not come as it should: {last}")


def must(good, what):
    if not good:
        raise Wrong(str(what))


def forwards(tmp):
    """A port of the host leads into the guest from hostfwd_add to hostfwd_remove, with bytes both ways."""
    m, q = managed(tmp, NETWORK, "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,id=nic")
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with m:
        m.ask("ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0")
        said = m.monitor(f"hostfwd_add tcp:127.0.0.1:{port}-:80")
        must(b"Error" not in said, said)
        for turn in range(2):
            m.say("(echo from the guest; sleep 2) | nc -l -p 80 > /tmp/got; echo served-$((40 + 2))\n")
            m.listen(1)
            with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
                s.settimeout(LIMIT)
                s.sendall(b"to the guest, %d\n" % turn)
                got = s.recv(100)
                must(got == b"from the guest\n", f"the guest's end says {got!r}")
                said = m.info("usernet")
                must(re.search(rf"TCP\[ESTABLISHED\] .* {port} +10.0.2.15 +80 ", said), said)
            m.hear("served-42")
            must(m.ask("cat /tmp/got") == f"to the guest, {turn}", m.ask("cat /tmp/got"))
        said = m.monitor(f"hostfwd_remove tcp:127.0.0.1:{port}")
        must(b"Error" not in said, said)
        try:
            socket.create_connection(("127.0.0.1", port), LIMIT).close()
            raise Wrong("the port is still open after hostfwd_remove")
        except ConnectionRefusedError:
            pass

        filters = q.send("query-rx-filter")["return"]
        must(len(filters) == 1 and not filters[0]["promiscuous"] and filters[0]["name"] == "nic" and
             filters[0]["main-mac"] == m.ask("cat /sys/class/net/eth0/address") and
             "01:00:5e:00:00:01" in filters[0]["multicast-table"], filters)
        m.ask("ip link set eth0 promisc on")
        event(q, "NIC_RX_FILTER_CHANGED", lambda d: d["name"] == "nic")
        must(q.send("query-rx-filter", name="nic")["return"][0]["promiscuous"], "promisc on")
        m.ask("ip link set eth0 promisc off")
        event(q, "NIC_RX_FILTER_CHANGED", lambda d: d["name"] == "nic")
        must(not q.send("query-rx-filter", name="nic")["return"][0]["promiscuous"], "promisc off")


def events(tmp):
    """Balloon, clock, ports, the end; and the kernel's own words in its memory."""
    m, q = managed(tmp, ["drivers/virtio/virtio_balloon", "drivers/char/virtio_console"], "-device",
                   "virtio-balloon-pci", "-device", "virtio-serial-pci", "-chardev", "null,id=none", "-device",
                   "virtserialport,chardev=none,name=test,id=agent")
    with m:
        q.send("balloon", value=400 * MIB)
        event(q, "BALLOON_CHANGE", lambda d: d["actual"] == 400 * MIB)
        must(q.send("query-balloon")["return"]["actual"] == 400 * MIB, "query-balloon")

        m.ask("date -u -s '2031-01-01 00:00:00' && hwclock -u -w")
        event(q, "RTC_CHANGE", lambda d: abs(d["offset"] - (1924992000 - time.time())) < LIMIT)
        must(m.ask("hwclock -u -r").find("2031") > 0, m.ask("hwclock -u -r"))

        port = m.ask("grep -l ^test$ /sys/class/virtio-ports/*/name").split("/")[-2]
        m.ask(f"exec 3<>/dev/{port}")
        event(q, "VSERPORT_CHANGE", lambda d: d == {"id": "agent", "open": True})
        m.ask("exec 3>&-")
        event(q, "VSERPORT_CHANGE", lambda d: d == {"id": "agent", "open": False})

        where = m.ask("grep ' linux_banner$' /proc/kallsyms").split()[0]
        said = m.monitor(f"x/1s 0x{where}").decode()
        must(m.ask("cat /proc/version") in said.replace("\\x0a", "\n"), said)

        q.send("stop")
        event(q, "STOP", lambda d: d is None)
        q.send("cont")
        event(q, "RESUME", lambda d: d is None)
        m.say("poweroff -f\n")
        event(q, "SHUTDOWN", lambda d: d == {"guest": True, "reason": "guest-shutdown"})


def power_button(tmp):
    """system_powerdown presses ACPI's fixed power button: an SCI, and a key that the guest's kernel reports."""
    m, q = managed(tmp, ["drivers/acpi/button", "drivers/input/evdev"])
    with m:
        node = m.ask("grep -l 'Power Button' /sys/class/input/event*/device/name").split("/")[4]
        for turn in range(1, 3):
            m.ask(f"(dd if=/dev/input/{node} of=/tmp/key bs=24 count=4; mv /tmp/key /tmp/key{turn}) 2>/dev/null & true")
            m.ask("sleep 1")
            q.send("system_powerdown")
            event(q, "POWERDOWN", lambda d: d is None)
            m.wait(lambda t=turn: m.ask(f"[ -e /tmp/key{t} ] && echo yes || echo no") == "yes",
                   "a key pressed and released")
            # EV_KEY, KEY_POWER, pressed: after the time, 16 bytes (linux/input-event-codes.h).
            got = m.ask(f"hexdump -s 16 -n 8 -e '8/1 \"%02x\"' /tmp/key{turn}")
            must(got == "0100740001000000", got)
        must(int(m.ask("grep acpi /proc/interrupts").split()[1]) >= 2, m.ask("cat /proc/interrupts"))


sys.exit(main(__doc__, [forwards, events, power_button]))
