#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QMP: the protocol, its errors, and that every answer and every event is as introspection says.

    tests/host/qmp.py [PATH-OF-ANYKVM [ACCEL]]
"""
import json
import os
import socket
import sys
import time

from little import LIMIT, TMP, Machine, end, ok
from qmp_client import Qmp

TYPES = {"str": str, "int": int, "size": int, "bool": bool, "number": (int, float)}


class Schema:
    def __init__(self, entries):
        self.entries = {e["name"]: e for e in entries}

    def wrong(self, type_name, value, where):
        """None, or what in value is not as the type says."""
        t = self.entries.get(type_name)
        if t is None:
            return f"{where}: no type {type_name}"
        meta = t["meta-type"]
        if meta == "builtin":
            want = TYPES.get(type_name)
            if want and (not isinstance(value, want) or (want is int and isinstance(value, bool))):
                return f"{where}: {value!r} is no {type_name}"
            return None
        if meta == "enum":
            names = [m["name"] for m in t["members"]]
            return None if value in names else f"{where}: {value!r} is none of {names}"
        if meta == "array":
            if not isinstance(value, list):
                return f"{where}: is no list"
            bad = [self.wrong(t["element-type"], v, where + "[]") for v in value]
            return next((b for b in bad if b), None)
        if not isinstance(value, dict):
            return f"{where}: is no object"
        known = {m["name"]: m for m in t["members"]}
        for k, v in value.items():
            if k not in known:
                return f"{where}: {k} is not in the schema"
            bad = self.wrong(known[k]["type"], v, f"{where}.{k}")
            if bad:
                return bad
        missing = [k for k, m in known.items() if "default" not in m and k not in value]
        return f"{where}: {missing} missing" if missing else None

    def dangling(self):
        out = []
        for e in self.entries.values():
            names = [e.get("arg-type"), e.get("ret-type"), e.get("element-type")]
            names += [m["type"] for m in e.get("members", []) if "type" in m]
            out += [n for n in names if n and n not in self.entries]
        return out


def error(answer, cls, *words):
    e = (answer or {}).get("error", {})
    return e.get("class") == cls and all(w in e.get("desc", "") for w in words)


def protocol(q):
    g = q.greeting or {}
    ok(g.get("QMP", {}).get("capabilities") == [] and "qemu" in g["QMP"]["version"], "greeting", g)
    ok(error(q.send("query-status"), "CommandNotFound", "qmp_capabilities"),
       "nothing before qmp_capabilities")
    ok(error(q.send("qmp_capabilities", enable=["oob"]), "GenericError", "oob"),
       "out-of-band execution is not offered")
    ok(q.send("qmp_capabilities") == {"return": {}}, "qmp_capabilities")
    ok(error(q.send("qmp_capabilities"), "CommandNotFound"), "not twice")
    a = q.raw(b'{"execute": "query-name", "id": {"a": [1, 2]}}')
    ok(a == {"return": {"name": "little"}, "id": {"a": [1, 2]}}, "the id comes back", a)
    a = q.raw(b'{"execute": "nothing", "id": 7}')
    ok(error(a, "CommandNotFound", "nothing") and a["id"] == 7, "with an error too", a)
    for text, words in ((b"{]\n", ["JSON"]), (b"[1]\n", ["object"]), (b'"stop"\n', ["object"]),
                        (b'{"arguments": {}}\n', ["execute"]), (b'{"execute": 1}\n', ["execute"]),
                        (b'{"execute": "stop", "arguments": []}\n', ["arguments"]),
                        (b'{"execute": "stop", "argument": {}}\n', ["'argument'", "arguments"]),
                        (b"[" * 5000 + b"\n", ["JSON"])):
        a = q.raw(text)
        ok(error(a, "GenericError", *words), f"refused: {text[:40]!r}", a)
    q.s.sendall(b'{"execute":"query-name","id":1}{"execute":"query-name","id":2} \r\n')
    ok([q.answer().get("id"), q.answer().get("id")] == [1, 2], "two in one piece")
    q.s.sendall(b'{"exec')
    time.sleep(0.1)
    q.s.sendall(b'ute": "query-name", "id": 3}')
    ok(q.answer().get("id") == 3, "one in two pieces")
    ok(error(q.send("query-status", x=1), "GenericError", "'x'", "unexpected"),
       "an argument where there are none")
    ok(error(q.send("human-monitor-command"), "GenericError", "'command-line'", "missing"),
       "an argument is missing")
    ok(error(q.send("human-monitor-command", command_lin="x"), "GenericError", "'command-lin'",
             "did you mean 'command-line'"), "an argument with a slip")
    ok(error(q.send("human-monitor-command", command_line=5), "GenericError", "'command-line'",
             "a string"), "an argument of another type")
    ok(q.send("human-monitor-command", command_line="info status")["return"] ==
       "VM status: running\n", "human-monitor-command")


def introspection(q):
    a = q.send("query-qmp-schema")
    schema = Schema(a["return"])
    ok(not schema.dangling(), "every type in the schema is there", schema.dangling())
    names = {c["name"] for c in q.send("query-commands")["return"]}
    ok(names == {e["name"] for e in a["return"] if e["meta-type"] == "command"},
       "query-commands lists the schema's commands")
    for name in sorted(names):
        arg = schema.entries[schema.entries[name]["arg-type"]]
        if not name.startswith(("query-", "qom-")) or \
                any("default" not in m for m in arg["members"]):
            continue
        a = q.send(name)
        bad = "return" not in a or \
            schema.wrong(schema.entries[name]["ret-type"], a["return"], name)
        ok(not bad, f"{name} is as the schema says", f"{bad}\n{json.dumps(a)[:600]}")
    return schema


def states(q, schema):
    def status():
        return q.send("query-status")["return"]["status"]

    ok(status() == "running", "running")
    q.events.clear()
    ok(q.send("stop") == {"return": {}} and status() == "paused", "stop")
    e = q.event("STOP")
    ok(e and set(e) == {"event", "timestamp"}, "event STOP", e)
    ok(q.send("stop") == {"return": {}} and status() == "paused", "stop again")
    ok(q.send("system_reset") == {"return": {}}, "reset while paused")
    e = q.event("RESET")
    bad = schema.wrong(schema.entries["RESET"]["arg-type"], e["data"], "RESET")
    ok(not bad and e["data"] == {"guest": False, "reason": "host-qmp-system-reset"},
       "event RESET", e)
    ok(abs(e["timestamp"]["seconds"] - time.time()) < 60, "its time", e)
    ok(status() == "paused", "still paused")
    ok(q.send("cont") == {"return": {}} and status() == "running", "cont")
    ok(q.event("RESUME"), "event RESUME")


def serial(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(LIMIT)
    s.connect(path)
    return s


def heard(s, text):
    got = b""
    try:
        while text not in got:
            got += s.recv(4096) or b""
    except TimeoutError:
        pass
    return text in got


def life():
    path, line = os.path.join(TMP.name, "qmp"), os.path.join(TMP.name, "line")
    args = ("-qmp", f"unix:{path},server=on,wait=off", "-serial", f"unix:{line},server=on,wait=off")
    m = Machine(*args, "-name", "little", "-device", "virtio-balloon-pci", "-uuid", "550e8400-e29b-41d4-a716-446655440000",
                tty=False)
    q = Qmp(path)
    protocol(q)
    schema = introspection(q)
    ok(q.send("query-name")["return"] == {"name": "little"}, "query-name")
    ok(q.send("query-uuid")["return"]["UUID"] == "550e8400-e29b-41d4-a716-446655440000", "query-uuid")
    states(q, schema)
    tasks = [open(f"/proc/{m.p.pid}/task/{t}/status", encoding="ascii").read()
             for t in os.listdir(f"/proc/{m.p.pid}/task")]
    ok(all("Seccomp:\t2" in t for t in tasks), f"all {len(tasks)} threads are in the sandbox")
    ok(all("CapEff:\t0000000000000000" in t for t in tasks if "anykvm-timer" not in t),
       "and have no capabilities, but for the accelerator's timer")
    s = serial(line)
    s.send(b"R")
    e = q.event("RESET")
    ok(e["data"] == {"guest": True, "reason": "guest-reset"}, "a reset by the guest", e)
    q.send("stop")
    s.send(b"abc")
    s.settimeout(0.3)
    try:
        got = s.recv(100)
    except TimeoutError:
        got = b""
    ok(b"abc" not in got, "a stopped guest says nothing", got)
    s.settimeout(LIMIT)
    q.send("cont")
    ok(heard(s, b"abc"), "and goes on where it was")
    q.s.close()
    q = Qmp(path)
    ok(q.greeting and q.begin().send("query-status")["return"]["running"], "a second client")
    s.send(b"P")
    e = q.event("SHUTDOWN")
    ok(e["data"] == {"guest": True, "reason": "guest-shutdown"}, "the guest powers off", e)
    ok(q.read() is None and m.wait() == 0, "the end")
    m.close()

    m = Machine(*args, "-no-shutdown", "-S", tty=False)
    q = Qmp(path).begin()
    ok(q.send("query-status")["return"] ==
       {"status": "prelaunch", "singlestep": False, "running": False}, "-S")
    s = serial(line)
    q.send("cont")
    ok(heard(s, b"ready"), "cont starts it")
    s.send(b"P")
    ok(q.event("SHUTDOWN") and q.event("STOP"), "-no-shutdown: it is stopped")
    ok(q.send("query-status")["return"]["status"] == "shutdown", "in the state shutdown")
    ok(error(q.send("cont"), "GenericError", "system_reset"), "where cont is refused")
    q.send("system_reset")
    q.event("RESET")
    ok(q.send("cont") == {"return": {}} and heard(s, b"ready"), "until it is reset")
    ok(q.send("quit") == {"return": {}}, "quit is answered")
    e = q.event("SHUTDOWN")
    ok(e["data"] == {"guest": False, "reason": "host-qmp-quit"}, "and told", e)
    ok(m.wait() == 0, "and done")
    m.close()

    m = Machine(*args, tty=False)
    q = Qmp(path).begin()
    m.p.terminate()
    ok(q.event("SHUTDOWN")["data"]["reason"] == "host-signal", "a signal")
    m.close()


def flood():
    """A client that does not read must not make the machine grow or stop."""
    path = os.path.join(TMP.name, "qmp")
    m = Machine("-qmp", f"unix:{path},server=on,wait=off", "-serial", "null", tty=False)
    q = Qmp(path)
    q.s.setblocking(False)
    sent, command = 0, b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-qmp-schema"}' * 200
    limit = time.time() + 3
    while sent < 20 * len(command) and time.time() < limit:
        try:
            sent += q.s.send(command)
        except BlockingIOError:
            time.sleep(0.05)
    with open(f"/proc/{m.p.pid}/status", encoding="ascii") as f:
        rss = next(int(x.split()[1]) for x in f if x.startswith("VmRSS"))
    ok(rss < 150 << 10, "a client that does not read costs bounded memory", f"{rss} KiB")
    m.p.terminate()
    ok(m.wait() == 0, "and the machine ends")
    m.close()


life()
flood()
sys.exit(end())
