# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much memory a QEMU process holds besides its guest's RAM.

Where the guest's RAM is, QEMU's monitor says (gpa2hva). Pages in that range, and pages of the same
file elsewhere (the engine may map guest RAM a second time), are the guest's. All else counts by its
proportional share (Pss in /proc/PID/smaps), which counts a page that is mapped twice once; the
process's page tables (VmPTE) count as well, as a second mapping of guest RAM costs those. The file
that QEMU loads into the guest, and keeps mapped, does not.
"""
import os
import re
import socket
import time

VMA = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ (\S+) (\d+) *(.*)")


def monitor(path, command):
    with socket.socket(socket.AF_UNIX) as s:
        for _ in range(100):
            try:
                s.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        s.settimeout(20)
        text = ""
        while "(qemu)" not in text:
            text += s.recv(4096).decode(errors="replace")
        s.sendall(command.encode() + b"\n")
        text = ""
        while text.count("(qemu)") < 1:
            text += s.recv(4096).decode(errors="replace")
    return text


def mappings(pid):
    """(start, end, file's identity or None, Pss in bytes, name) of each."""
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        head = None
        for line in f:
            found = VMA.match(line)
            if found:
                head = found
            elif line.startswith("Pss:"):
                inode = (head[3], head[4]) if head[4] != "0" else None
                yield (int(head[1], 16), int(head[2], 16), inode, int(line.split()[1]) << 10, head[5])


def page_tables(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmPTE:\s*(\d+)", f.read())[1]) << 10


def beyond_ram(pid, path, ram_size, loaded):
    """MiB: the guest's RAM in use, all else, page tables; and what all else is, the largest first."""
    at = int(re.search(r"is (0x[0-9a-f]+)", monitor(path, "gpa2hva 0"))[1], 16)
    found = list(mappings(pid))
    ram_file = {m[2] for m in found if m[0] <= at < m[1]} - {None}
    ram = other = 0
    kinds = {}
    for start, end, inode, pss, name in found:
        if at <= start and end <= at + ram_size or inode in ram_file:
            ram += pss
        elif name not in loaded:
            other += pss
            kinds[name or "anonymous"] = kinds.get(name or "anonymous", 0) + pss
    tables = page_tables(pid)
    figures = {k: v / (1 << 20) for k, v in (("ram", ram), ("other", other), ("tables", tables))}
    figures["kinds"] = {k: round(v / (1 << 20), 1) for k, v in
                        sorted(kinds.items(), key=lambda item: -item[1])[:8]}
    return figures


def beyond_largest(pid, loaded):
    """MiB, all in all, of any process whose guest's RAM is a shared mapping, the one that holds most."""
    found = list(mappings(pid))
    files = {}
    for _, _, inode, pss, _ in found:
        if inode:
            files[inode] = files.get(inode, 0) + pss
    ram = max(files, key=files.get)
    loaded = {os.path.realpath(path) for path in loaded}
    return (sum(pss for _, _, inode, pss, name in found if inode != ram and name not in loaded) +
            page_tables(pid)) / (1 << 20)
