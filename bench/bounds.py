# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the translator's figures are to be, and whether they are. A missed bound fails nothing."""
import math

FLOAT = "fp-nbody fp-matrix fp-x87 sse-float avx2-int avx2-fma stream".split()
INTEGER = ("integer division branches sieve calls recursion indirect interpreter qsort "
           "heapsort").split()
CHASE = "chase-16K chase-16M".split()
REAL = "xz-6 zstd openssl-sha256 openssl-aes-256-gcm sqlite3 python3 gcc-O2".split()
SYSTEM = "syscall pipe context-switch page-fault fork-exec".split()

# What the translator is to reach: words; section; which of its rows (None: all; "cpu": all but
# SYSTEM); a figure; what it is divided by, or None; the mean or each; at most or at least what.
BOUNDS = (
    ("CPU rows, mean, of native", "cpu", "cpu", "bt", "native", "mean", "<=", 1.5),
    ("CPU rows, mean, times TCG's speed", "cpu", "cpu", "tcg", "bt", "mean", ">=", 4),
    ("no row slower than TCG", "cpu", None, "tcg", "bt", "each", ">=", 1),
    ("FP, SSE, AVX2, matrix, stream, of native", "cpu", FLOAT, "bt", "native", "each", "<=", 1.15),
    ("integer, sort, calls, indirect, of native", "cpu", INTEGER, "bt", "native", "each", "<=", 1.6),
    ("pointer chase, of native", "cpu", CHASE, "bt", "native", "each", "<=", 1.5),
    ("system call, pipe, switch, fault, fork: TCG's speed", "cpu", SYSTEM, "tcg", "bt", "each",
     ">=", 1),
    ("boot to /init, of TCG's time", "boot", None, "bt", "tcg", "each", "<=", 0.5),
    ("Debian to the login prompt, of TCG's time", "userland", None, "bt", "tcg", "each", "<=", 0.6),
    ("real programs, mean, times TCG's speed", "programs", REAL, "tcg", "bt", "mean", ">=", 4),
    ("two copies on two CPUs over one", "copies", None, "bt", None, "mean", ">=", 1.9),
    ("memory of the engine, MiB", "memory", None, "engine", None, "each", "<=", 96),
    ("longest stall of the code cache, ms", "stall", None, "ms", None, "each", "<=", 20),
)


def mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def figure(x):
    return "-" if x is None else f"{x:.3g}" if x < 1 else f"{x:.2f}" if x < 100 else f"{x:.0f}"


def ratio(row, a, b):
    return row[a] / row[b] if row.get(a) and row.get(b) else None


def rows_of(section, which, got):
    if section not in got or not got[section]:
        return {}
    rows = got[section]
    if section in ("boot", "userland", "memory", "stall"):
        return {section: rows}
    if which == "cpu":
        return {n: r for n, r in rows.items() if n not in SYSTEM}
    return {n: r for n, r in rows.items() if which is None or n in which}


def judge(bound, got):
    """One bound: ("met", "missed" or "not measured", what was found)."""
    _, section, which, a, b, how, sense, limit = bound
    found = {n: (ratio(r, a, b) if b else r.get(a)) for n, r in rows_of(section, which, got).items()}
    none = [n + " -" for n, v in found.items() if not v]
    found = {n: v for n, v in found.items() if v}
    if not found:
        return "not measured", ""
    if none:  # it failed, or one machine is new to it
        return "missed", ", ".join(none)

    def holds(v):
        return v <= limit if sense == "<=" else v >= limit
    if how == "mean":
        value = mean(found.values())
        return "met" if holds(value) else "missed", figure(value)
    bad = {n: v for n, v in found.items() if not holds(v)}
    if bad:
        return "missed", ", ".join(f"{n} {figure(v)}" for n, v in bad.items())
    worst = max(found.values()) if sense == "<=" else min(found.values())
    return "met", figure(worst)


def bounds(got):
    verdicts = []
    for bound in BOUNDS:
        verdict, found = judge(bound, got)
        asked = f"{bound[6]} {bound[7]}"
        verdicts.append({"bound": bound[0], "asked": asked, "verdict": verdict, "found": found})
    return verdicts
