# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of bench/host/run judged: anykvm beside QEMU, better or worse. Worse fails nothing."""
import statistics

from bounds import figure


def better(row):
    """How many times better anykvm's median is, whichever way the row counts; None: not both are."""
    a, q = (statistics.median(row[p]) if row.get(p) else None for p in ("anykvm", "qemu"))
    if not a or not q:
        return None
    return a / q if row["better"] == "more" else q / a


def spread(values):
    if not values:
        return "-"
    median = figure(statistics.median(values))
    return f"{median} ({figure(min(values))}..{figure(max(values))})" if len(values) > 1 else median


def judged(rows):
    """(name, anykvm's, QEMU's, unit, times better, verdict) of each."""
    for name, row in rows.items():
        times = better(row)
        verdict = "not measured" if times is None else "better" if times >= 1 else "WORSE"
        yield (name, spread(row.get("anykvm")), spread(row.get("qemu")), row["unit"],
               figure(times), verdict)


def show(rows):
    lines = list(judged(rows))
    width = max((len(line[0]) for line in lines), default=3)
    print(f"{'':{width}}  {'anykvm':>24} {'qemu':>24}              times better")
    for name, a, q, unit, times, verdict in lines:
        print(f"{name:{width}}  {a:>24} {q:>24} {unit:12} {times:>6} {verdict}")
    worse = [name for name, *_, verdict in lines if verdict == "WORSE"]
    print(f"\n{len(lines)} rows, worse than QEMU: {len(worse)}{': ' if worse else ''}"
          f"{'; '.join(worse)}")
