# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long from exec to the first instruction, the kernel's first line and /init; and what the
process holds besides the guest's RAM once the guest waits at its prompt."""
import time

import memory
from pair import OUT, Guest, Section, command, kernel

INITRD = "build/guest/initrd-amd64.gz"
# Each program's own way with -kernel (QEMU's is SeaBIOS), and SeaBIOS on both.
WAYS = {"": (), " through SeaBIOS": ("-bios", "bios-256k.bin")}
SETTLE = 1.5  # seconds at the prompt

# At the reset vector: a line to the debug console, and no more.
SAY = b"\xb0!\xe6\xe9\xb0\n\xe6\xe9\xf4\xeb\xfd"

FIRMWARE = "exec to the first instruction"
KERNEL = "exec to the kernel's first line"
INIT = "exec to /init"
MEMORY = "memory beyond guest RAM at the prompt"


# Row, word for the log, command line, what ends the measure.
LINES = ((KERNEL, "kernel", ("", "earlyprintk=ttyS0"), "Linux version"),
         (INIT, "init", ("anykvm.info",), "Linux (none)"))  # guest-init's first words


def firmware(program):
    path = f"{OUT}/firmware.bin"
    with open(path, "wb") as f:
        f.write((bytes(0x1fff0) + SAY).ljust(0x20000, b"\0"))
    argv = command(program, 128, "-bios", path, "-debugcon", "stdio", serial="none")
    with Guest(f"firmware {program}", argv) as guest:
        guest.until("!")
        return {FIRMWARE: guest.now()}


def start(line, way):
    """A measure: until this is said on the serial port."""
    row, log, append, said = line

    def measure(program):
        words = WAYS[way] if program == "anykvm" else ()
        with Guest(f"{log}{way} {program}",
                   command(program, 512, *words, *kernel(INITRD, *append))) as guest:
            guest.until(said)
            return {row + way: guest.now()}
    return measure


def held(program):
    with Guest(f"memory {program}", command(program, 1024, *kernel(INITRD, ""))) as guest:
        guest.until("Power off with")
        time.sleep(SETTLE)
        return {MEMORY: memory.beyond_largest(guest.process.pid, (INITRD,))}


class Start(Section):
    ROWS = {FIRMWARE: ("s", "less"),
            **{row + way: ("s", "less") for row in (KERNEL, INIT) for way in WAYS},
            MEMORY: ("MiB", "less")}

    def measures(self):
        return [firmware, *(start(line, way) for line in LINES for way in WAYS), held]
