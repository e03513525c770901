# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run of figures says about where and of what it was taken."""
import os
import platform
import re
import subprocess
import time


def about():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()
    return {"processor": model[1] if model else platform.processor(), "cpus": os.cpu_count(),
            "kernel": platform.release(), "date": time.strftime("%Y-%m-%d"), "commit": commit}
