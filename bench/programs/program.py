#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pure Python: numbers, calls, objects, strings, dictionaries, sorting; prints what it found."""
import json
import re
from collections import defaultdict


def nbody(steps):
    bodies = [[float(i), i * 0.5, 1.0 / (i + 1), 0.0, 0.01 * i, 0.0, 1.0 + i] for i in range(5)]
    for _ in range(steps):
        for i, a in enumerate(bodies):
            for b in bodies[i + 1:]:
                dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
                mag = 0.001 / ((dx * dx + dy * dy + dz * dz) ** 1.5 + 0.1)
                for k, d in ((3, dx), (4, dy), (5, dz)):
                    a[k] -= d * b[6] * mag
                    b[k] += d * a[6] * mag
        for a in bodies:
            a[0] += 0.001 * a[3]
            a[1] += 0.001 * a[4]
            a[2] += 0.001 * a[5]
    return f"{sum(map(sum, bodies)):.12f}"


def queens(n, row=0, cols=0, up=0, down=0):
    if row == n:
        return 1
    count = 0
    free = ~(cols | up | down) & ((1 << n) - 1)
    while free:
        bit = free & -free
        free ^= bit
        count += queens(n, row + 1, cols | bit, (up | bit) << 1, (down | bit) >> 1)
    return count


class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        node = self
        while True:
            if key < node.key:
                if node.left is None:
                    node.left = Node(key)
                    return
                node = node.left
            else:
                if node.right is None:
                    node.right = Node(key)
                    return
                node = node.right

    def depth(self):
        return 1 + max(n.depth() if n else 0 for n in (self.left, self.right))


def numbers(count, x=12345):
    for _ in range(count):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        yield x


def tree(count):
    root = Node(1 << 30)
    for x in numbers(count):
        root.insert(x)
    return root.depth()


def words(count):
    found = defaultdict(int)
    text = " ".join("".join(chr(97 + (x >> s) % 26) for s in (4, 9, 14)) for x in numbers(count))
    for word in re.findall(r"[a-m]\w+", text):
        found[word.upper()[::-1]] += 1
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:3]


def documents(count):
    total = 0
    for i in range(count):
        text = json.dumps({"id": i, "tags": [str(i * k) for k in range(20)], "x": {"y": i / 7}})
        total += len(text) + json.loads(text)["id"]
    return total


def fannkuch(n):
    p, count, most, sign = list(range(n)), [0] * n, 0, 0
    r, parity = n, 1
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        q, flips = p[:], 0
        while q[0]:
            k = q[0] + 1
            q[:k] = reversed(q[:k])
            flips += 1
        most, sign, parity = max(most, flips), sign + parity * flips, -parity
        while True:
            if r == n:
                return most, sign
            p.insert(r, p.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1


print(nbody(4000), queens(8), tree(40000), words(60000), documents(3000), fannkuch(7))
print(pow(3, 4001, 10 ** 200 + 7), sum(numbers(300000)))
