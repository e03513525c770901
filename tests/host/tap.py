# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAP for the tests in Python: one line a check, and the plan at the end."""

count = failed = 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good and detail != "":
        print("# " + str(detail).replace("\n", "\n# "), flush=True)
    return good


def end():
    """The plan; for sys.exit()."""
    print(f"1..{count}")
    return failed != 0
