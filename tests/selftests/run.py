#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's own KVM selftests, each under anykvm-exec, against what is expected of it.

    tests/selftests/run.py [-l] [--stock] [--write] [-j N] [NAME]...

expectations has a line for every test that does not simply pass: NAME RESULT REASON, where RESULT is
skip (by the test's own check of what the CPU offers), fail or timeout. A test that does worse than
that fails here; one that does better is remarked on, so that the file stays true. --stock runs them
on /dev/kvm itself; --write prints a table of what happened.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILT = os.path.join(TOP, "build/selftests")
SKIPPED = 4  # KSFT_SKIP

# The tests' own options, where the defaults are made for a large machine or for hours.
ARGS = {
    "access_tracking_perf_test": "-b 16M",
    "demand_paging_test": "-b 64M",
    "dirty_log_perf_test": "-b 64M -i 2",
    "dirty_log_test": "-i 3",
    "kvm_page_table_test": "-b 64M",
    "max_guest_memory_test": "-m 1 -s 1 -c 2",
    "memslot_modification_stress_test": "-i 50",
    "memslot_perf_test": "-l 1",
}
LIMITS = {"dirty_log_test": 90, "set_memory_region_test": 60, "kvm_page_table_test": 60,
          "x86_64/xapic_state_test": 60, "max_guest_memory_test": 60, "memslot_perf_test": 60}


def expectations():
    table = {}
    with open(os.path.join(HERE, "expectations"), encoding="utf-8") as f:
        for line in f:
            words = line.split(None, 2)
            if words and not words[0].startswith("#"):
                table[words[0]] = (words[1], words[2].strip() if len(words) > 2 else "")
    return table


def programs():
    found = []
    for base, _, files in os.walk(BUILT):
        for f in files:
            path = os.path.join(base, f)
            if os.access(path, os.X_OK) and "." not in f:
                found.append(os.path.relpath(path, BUILT))
    return sorted(found)


def why(text, status):
    """The line that says it best."""
    for pattern in (r"not met.*|.*# SKIP.*|.*SKIP.*", r"^.*Test Assertion Failure[^\n]*\n[^\n]*",
                    r"^anykvm:.*", r".*[Ff]ail.*", r"\S.*"):
        m = re.findall(pattern, text, re.M)
        if m:
            return " ".join(m[-1 if pattern == r"\S.*" else 0].split())[:160]
    return f"exit status {status}"


def run(name, stock):
    argv = [os.path.join(BUILT, name), *ARGS.get(name, "").split()]
    if not stock:
        argv.insert(0, os.path.join(TOP, "build/anykvm-exec"))
    limit = LIMITS.get(name, 30)
    start = time.monotonic()
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, cwd=BUILT, start_new_session=True)
    try:
        out = p.communicate(timeout=limit)[0].decode(errors="replace")
        result = {0: "pass", SKIPPED: "skip"}.get(p.returncode, "fail")
        reason = "" if result == "pass" else why(out, p.returncode)
    except subprocess.TimeoutExpired:
        result, reason = "timeout", f"after {limit} s"
    finally:
        try:
            os.killpg(p.pid, 9)
        except ProcessLookupError:
            pass
        p.wait()
    return name, result, reason, time.monotonic() - start


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-l", action="store_true")
    ap.add_argument("-j", type=int, default=1)
    ap.add_argument("--stock", action="store_true")
    ap.add_argument("--write", action="store_true")
    ap.add_argument("names", nargs="*")
    args = ap.parse_args()
    if subprocess.run([os.path.join(HERE, "build")], check=False).returncode:
        print("1..0 # SKIP the selftests cannot be built here")
        return 0
    names = [n for n in programs() if not args.names or n in args.names]
    if args.l:
        print("\n".join(names))
        return 0
    expected = expectations()
    failed = 0
    table = []
    print(f"1..{len(names)}", flush=True)
    with ThreadPoolExecutor(args.j) as pool:
        for number, (name, result, reason, seconds) in enumerate(
                pool.map(lambda n: run(n, args.stock), names), 1):
            want, because = expected.get(name, ("pass", ""))
            table.append((name, result, seconds, reason))
            label = f"{number} - {name}"
            if result == "pass":
                print(f"ok {label} ({seconds:.1f} s)")
                if want != "pass":
                    print(f"# {name} passes although {want} is expected")
            elif result == "skip" and want == "skip":
                print(f"ok {label} # SKIP {because or reason}")
            elif want in ("fail", "timeout") and result in ("fail", "timeout", "skip"):
                print(f"# {reason}\nnot ok {label} # TODO {because}")
            else:
                failed += 1
                print(f"# {result}: {reason}\nnot ok {label}")
            sys.stdout.flush()
    if args.write:
        print("\n| test | result | seconds | note |\n|---|---|---|---|")
        for name, result, seconds, reason in table:
            print(f"| {name} | {result} | {seconds:.1f} | {reason} |")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
