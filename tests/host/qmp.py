#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QMP: the protocol, its errors, and that every answer and every event is as introspection says.

    tests/host/qmp.py [PATH-OF-ANYKVM [ACCEL]]
"""
import datetime
import json
import os
import socket
import sys
import time

import rfb
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


def until(q, name):
    """The names of the events up to that one."""
    names = []
    while not names or (names[-1] and names[-1] != name):
        names.append(((q.events.pop(0) if q.events else q.read()) or {}).get("event"))
    return names


def hostile(q, path):
    """What no client should send; the next command is answered all the same."""
    for text, words in ((b'{"execute": "\xff\xfe"}\n', ["JSON", "utf-8"]),
                        (b'{"execute": "query-name", "id": "\xc3"}\n', ["JSON", "utf-8"]),
                        (b'{"execute": "query-name\\u0000x"}\n', ["'execute'", "NUL"]),
                        (b'{"execute": "human-monitor-command", "arguments": {"command-line": "info\\u0000x"}}\n',
                         ["'command-line'", "NUL"]),
                        (b'{"execute": "query-name", "id": ' + b"[" * 70 + b"]" * 70 + b"}\n", ["JSON", "deep"]),
                        (b'{"execute": "query-name", "arguments": ' + b'{"a":' * 70 + b"1" + b"}" * 71 + b"\n",
                         ["JSON", "deep"]),
                        (b"\0\n", ["JSON"]), (b"{}\n", ["execute"]), (b"null\n", ["object"]),
                        (b"GET / HTTP/1.0\n", ["JSON"])):
        a = q.raw(text)
        ok(error(a, "GenericError", *words), f"refused: {text[:50]!r}", a)
    q.s.settimeout(4 * LIMIT)
    a = q.raw(b'{"execute": "query-name", "id": "' + b"x" * (17 << 20) + b'"}\n')
    ok(error(a, "GenericError", "too long"), "a command of 17 MiB", str(a)[:200])
    a = q.raw(b'{"id": ["\xc3\xa4"], "arguments": {}, "execute": "query-name"}')
    ok(a == {"return": {"name": "little"}, "id": ["\u00e4"]}, "members in any order, beyond ASCII", a)
    a = q.raw(b'{"execute": "query-name", "id": ' + b"[" * 50 + b"]" * 50 + b"}")
    ok("return" in a, "what is nested less deeply goes")
    a = q.raw(b'{"execute": "query-name", "id": 12345678901234567890}')
    ok(a["id"] == 12345678901234567890, "a large number comes back as it is", a)
    half = Qmp(path)
    half.begin()
    half.s.sendall(b'{"execute": "query-name", "id"')
    half.s.close()
    again = Qmp(path)
    ok(again.begin().send("query-name") == {"return": {"name": "little"}},
       "half a command and gone: the next client begins anew")
    again.s.close()


def two(q, path):
    """Each has its own negotiation and its own events."""
    other = Qmp(path)
    ok(error(other.send("query-status"), "CommandNotFound", "qmp_capabilities"), "the second one negotiates too")
    q.events.clear()
    q.send("stop")
    ok(q.event("STOP"), "an event for the first")
    other.begin()
    other.send("cont")
    names = until(other, "RESUME")
    ok(q.event("RESUME") and names == ["RESUME"], "and for both, whoever did it; not what was before it began", names)
    ok(q.raw(b'{"execute": "query-name", "id": 1}')["id"] == 1 and
       other.raw(b'{"execute": "query-name", "id": 2}')["id"] == 2, "answers go to who asked")
    other.s.close()


def other_value(schema, type_name):
    """A value that is not of this type; None: all are."""
    meta = schema.entries[type_name]["meta-type"]
    if type_name == "any":
        return None
    return "none such" if meta in ("array", "object") or type_name in ("int", "size", "bool") else \
        {} if meta == "builtin" else "none such"


def held_to_the_table(q, schema):
    """Every command takes what the schema says, and nothing else."""
    for name, e in sorted(schema.entries.items()):
        if e["meta-type"] != "command" or name == "qmp_capabilities":
            continue
        bad = []
        members = schema.entries[e["arg-type"]]["members"]
        if not error(q.send(name, no_such=1), "GenericError", "'no-such'", "unexpected"):
            bad.append("no-such")
        for m in members:
            val = other_value(schema, m["type"])
            if val is not None and not error(q.send(name, **{m["name"]: val}), "GenericError",
                                             f"'{m['name']}'"):
                bad.append(m["name"])
        need = [m["name"] for m in members if "default" not in m]
        if need and not error(q.send(name), "GenericError", f"'{need[0]}'", "missing"):
            bad.append(f"without {need[0]}")
        ok(not bad, f"{name}: its arguments are checked against its schema", bad)


def classes(q, schema):
    ok(error(q.send("blockdev-open-tray", device="nothing"), "DeviceNotFound", "'nothing'"), "class DeviceNotFound")
    ok(error(q.send("set_link", name="nothing", up=True), "DeviceNotFound", "'nothing'"), "of a network")
    ok(error(q.send("device-list-properties", typename="nothing"), "DeviceNotFound", "'nothing'"), "of a kind")
    types = [t["name"] for t in q.send("qom-list-types", implements="device")["return"]]
    ok({"e1000", "virtio-blk-pci", "rtc", "virtserialport"} <= set(types), "qom-list-types", types)
    bad = []
    for name in types:
        a = q.send("device-list-properties", typename=name)
        bad += [schema.wrong("[device-list-properties-ret]", a.get("return"), name)]
    ok(not any(bad), "device-list-properties of each", [b for b in bad if b])
    a = {p["name"] for p in q.send("device-list-properties", typename="e1000")["return"]}
    ok({"mac", "netdev", "romfile"} <= a, "those of e1000", a)


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


def port(q, where, val=None, size="b"):
    """Through the monitor for people: write to a port, or read it."""
    line = f"i/{size} {where:#x}" if val is None else f"o/{size} {where:#x} {val:#x}"
    said = q.send("human-monitor-command", command_line=line)["return"]
    return int(said.split("=")[1], 16) if val is None else said


def as_schema(schema, e):
    return e and not schema.wrong(schema.entries[e["event"]]["arg-type"], e.get("data", {}), e["event"])


def board_events(q, schema):
    q.events.clear()
    ok(q.send("system_powerdown") == {"return": {}} and q.event("POWERDOWN"), "event POWERDOWN")
    for cell, val in ((11, 0x82), (9, 0x30), (0x32, 0x20), (8, 1), (7, 2), (4, 3), (2, 4), (0, 5)):
        port(q, 0x70, cell)
        port(q, 0x71, val)
    ok(not [e for e in q.events if e["event"] == "RTC_CHANGE"], "nothing is told while the clock is held")
    port(q, 0x70, 11)
    port(q, 0x71, 0x02)
    e = q.event("RTC_CHANGE")
    want = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp() - time.time()
    ok(as_schema(schema, e) and abs(e["data"]["offset"] - want) < LIMIT, "event RTC_CHANGE: 2030, in BCD", (e, want))
    offset = e["data"]["offset"]
    port(q, 0x70, 4)
    port(q, 0x71, 0x05)
    e = q.event("RTC_CHANGE")
    ok(abs(e["data"]["offset"] - offset - 7200) <= 60, "two hours more", (e, offset))
    ok(q.send("query-rx-filter")["return"] == [], "no card, no filter")


def viewers():
    path = os.path.join(TMP.name, "qmp-vnc")
    m = Machine("-qmp", f"unix:{path},server=on,wait=off", "-serial", "null", "-vnc", ":50,to=99,websocket=on",
                "-device", "virtio-balloon-pci", "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,id=v0",
                "-netdev", "user,id=n1", "-device", "e1000,netdev=n1,id=e0", tty=False)
    q = Qmp(path).begin()
    schema = Schema(q.send("query-qmp-schema")["return"])
    info = q.send("query-vnc")["return"]
    v = rfb.Viewer(int(info["service"]))
    e = q.event("VNC_CONNECTED")
    host, service = v.sock.getsockname()
    ok(as_schema(schema, e) and e["data"]["client"] ==
       {"host": host, "service": str(service), "family": "ipv4", "websocket": False} and
       e["data"]["server"] == {"host": "127.0.0.1", "service": info["service"], "family": "ipv4",
                               "websocket": False, "auth": "none"}, "event VNC_CONNECTED", e)
    came = e["data"]
    e = q.event("VNC_INITIALIZED")
    ok(as_schema(schema, e) and e["data"] == came, "event VNC_INITIALIZED", e)
    a = q.send("query-vnc")["return"]
    ok(a["clients"] == [came["client"]] and not schema.wrong("query-vnc-ret", a, "query-vnc"), "query-vnc", a)
    v.close()
    e = q.event("VNC_DISCONNECTED")
    ok(as_schema(schema, e) and e["data"] == came, "event VNC_DISCONNECTED", e)
    s = socket.create_connection(("127.0.0.1", int(info["service"])))
    ok(q.event("VNC_CONNECTED"), "somebody who says nothing")
    s.close()
    names = until(q, "VNC_DISCONNECTED")
    ok(names == ["VNC_DISCONNECTED"], "is never ready", names)
    ok(q.send("query-vnc")["return"]["clients"] == [], "nobody is left")
    a = q.send("query-rx-filter")["return"]
    ok([f["name"] for f in a] == ["v0", "e0"] and not schema.wrong("[query-rx-filter-ret]", a, "query-rx-filter") and
       a[0]["promiscuous"] and a[1]["main-mac"] == "52:54:00:12:34:57" and a[1]["vlan"] == "all", "query-rx-filter", a)
    ok(len(q.send("query-rx-filter", name="e0")["return"]) == 1 and
       len(q.send("query-rx-filter", name="n1")["return"]) == 1, "of one, by its name or its cable's")
    ok(error(q.send("query-rx-filter", name="x0"), "DeviceNotFound", "'x0'"), "of none")
    m.p.terminate()
    m.wait()
    m.close()
    m = Machine("-qmp", f"unix:{path},server=on,wait=off", "-serial", "null", tty=False)
    q = Qmp(path).begin()
    ok(error(q.send("query-balloon"), "DeviceNotActive", "virtio-balloon-pci"), "class DeviceNotActive")
    m.p.terminate()
    m.wait()
    m.close()


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
    args = ("-qmp", f"unix:{path},server=on,wait=off", "-qmp", f"unix:{path}2,server=on,wait=off", "-serial", f"unix:{line},server=on,wait=off")
    m = Machine(*args, "-name", "little", "-device", "virtio-balloon-pci", "-uuid", "550e8400-e29b-41d4-a716-446655440000",
                tty=False)
    q = Qmp(path)
    protocol(q)
    hostile(q, path + "2")
    schema = introspection(q)
    held_to_the_table(q, schema)
    classes(q, schema)
    two(q, path + "2")
    board_events(q, schema)
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
viewers()
flood()
sys.exit(end())
