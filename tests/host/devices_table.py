#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/devices.md is what the devices say of themselves today, and they say enough.

    tests/host/devices_table.py [PATH-OF-ANYKVM]
"""
import os
import subprocess
import sys

from little import ANYKVM, TOP, end, ok

made = subprocess.run([ANYKVM, "-device", "help-table"], capture_output=True, text=True, check=True,
                      timeout=20).stdout
with open(os.path.join(TOP, "docs/devices.md"), encoding="utf-8") as f:
    kept = f.read()
ok(made == kept, "docs/devices.md is up to date (make devices-table)")
rows = [r.split(" | ") for r in made.splitlines() if r.startswith("| `")]
ok(len(rows) > 5, "there are devices")
for row in rows:
    ok(len(row) == 5 and row[1].strip() and row[2].strip(),
       f"{row[0][2:]} says what it is and which sheet it follows", row)
listed = subprocess.run([ANYKVM, "-device", "help"], capture_output=True, text=True, check=True,
                        timeout=20).stdout
for row in made[made.index("## By"):made.index("## On")].splitlines():
    if row.startswith("| `"):
        name = row.split("`")[1]
        p = subprocess.run([ANYKVM, "-device", name + ",help"], capture_output=True, text=True,
                           check=False, timeout=20)
        ok(name in listed and p.returncode == 0 and "Properties" in p.stdout,
           f"{name} is listed and explained", p)
sys.exit(end())
