#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What firmware writes on the screen of each graphics card, read off its picture.

    tests/guest/screens.py [PATH-OF-ANYKVM]

Skipped (77) where the firmware is not installed.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import screen  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANYKVM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/anykvm")
CARDS = "std", "cirrus"
WAIT = 90	# seconds for the firmware to have looked everywhere
LAST = "No bootable device"
count = failed = 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good and detail:
        print("# " + str(detail).replace("\n", "\n# "))


def watch(card, picture):
    """The screen's lines, as soon as the firmware has nothing more to say."""
    args = [ANYKVM, "-accel", "bt", "-m", "64", "-vga", card, "-serial", "none", "-display", "none",
            "-monitor", "stdio"]
    lines = []
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as p:
        end = time.monotonic() + WAIT
        while time.monotonic() < end and p.poll() is None:
            time.sleep(0.5)
            if os.path.exists(picture):
                lines = screen.read_text(picture)
                if any(LAST in line for line in lines):
                    break
                os.unlink(picture)
            # Half a picture says nothing yet; the next one is whole.
            p.stdin.write(f"screendump {picture}\n".encode())
            p.stdin.flush()
            time.sleep(0.5)
        if p.poll() is None:
            p.stdin.write(b"quit\n")
            p.stdin.flush()
        try:
            wrong = p.communicate(timeout=20)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            p.kill()
            wrong = "it does not quit"
        return lines, wrong


def main():
    if not os.path.exists(screen.FONT_FILE):
        print(f"1..0 # SKIP no {screen.FONT_FILE}")
        return 77
    with tempfile.TemporaryDirectory() as tmp:
        for card in CARDS:
            lines, wrong = watch(card, os.path.join(tmp, f"{card}.ppm"))
            shown = "\n".join(lines).rstrip() + "\n" + wrong
            ok(lines and lines[0].startswith("SeaBIOS (version "), f"{card}: SeaBIOS says who it is",
               shown)
            ok(any(LAST in line for line in lines), f"{card}: and that it has found nothing to boot",
               shown)
    print(f"1..{count}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
