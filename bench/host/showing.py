# SPDX-License-Identifier: LGPL-2.1-or-later
"""A console that scrolls as fast as the guest can, seen by one VNC viewer that asks for the next
picture as soon as it has one: how many it sees, and how many lines the guest gets through meanwhile."""
import time

from pair import OUT, Guest, Section, command, kernel
import linux
import net
import rfb

SCRIPT = r"""#!/bin/busybox sh
/bin/busybox sleep 1
echo "anykvm-scrolling:"
exec /tests/traffic lines /dev/tty0 $1
"""


FRAMES = "VNC, text console scrolling"
LINES = "lines that the guest scrolls, being looked at"


def watch(viewer, seconds):
    """How many different pictures of the last lines came, a second."""
    seen, last = 0, None
    start = time.monotonic()
    viewer.ask(False)
    while (took := time.monotonic() - start) < seconds:
        viewer.message()
        viewer.ask()
        bottom = bytes(viewer.pixels[-4 * viewer.width * 48:])
        seen += bottom != last
        last = bottom
    return seen / took


class Screen(Section):
    ROWS = {FRAMES: ("frames/s", "more"), LINES: ("lines/s", "more")}

    def __init__(self, tmp, seconds):
        super().__init__(tmp, seconds)
        self.initrd = linux.make_initrd(tmp, (), [f"tests/traffic={OUT}/traffic"], lines=SCRIPT)

    def measures(self):
        return [self.measure]

    def measure(self, program):
        port = net.free_port()
        # Firmware for both: it is what sets the text mode.
        argv = command(program, 512, "-bios", "bios-256k.bin", "-vga", "std", "-vnc",
                       f"127.0.0.1:{port - 5900}",
                       *kernel(self.initrd, f"anykvm.run=lines anykvm.args="
                               f"{int(self.seconds * 1000) + 1000}"))
        with Guest(f"screen {program}", argv) as guest:
            guest.until("anykvm-scrolling:")
            viewer = rfb.Viewer(port)
            time.sleep(0.3)
            rate = watch(viewer, self.seconds)
            result = {FRAMES: rate, LINES: guest.figure("anykvm-lines: ")}
            viewer.close()
            return result
