#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The running machine as its user sees it: the terminal and its keys, serial back ends, signals,
resets and power-off, with a guest of a hundred bytes that echoes its serial port.

    tests/host/terminal.py [PATH-OF-ANYKVM [ACCEL]]
"""
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time

from little import ACCEL, ANYKVM, KERNEL, LIMIT, TMP, Machine, end, ok


def terminal_keys():
    m = Machine()
    if not ok(m.ready(), "the guest speaks on the terminal", m.seen):
        m.close()
        return False
    ok(m.is_raw(), "the terminal is raw while it runs")
    m.send(b"hello")
    ok(m.expect(b"hello"), "what is typed reaches the guest")
    m.send(b"\x03\x1a\x1c")
    ok(m.expect(b"\x03\x1a\x1c") and m.p.poll() is None, "so do Ctrl-C, Ctrl-Z and Ctrl-\\")
    m.send(b"\x01\x01")
    ok(m.expect(b"\x01"), "Ctrl-A Ctrl-A sends a Ctrl-A")
    m.send(b"\x01h")
    ok(m.expect(b"Ctrl-A x") and m.expect(b"Ctrl-A Ctrl-A"), "Ctrl-A h lists the keys")
    m.send(b"\x01c")
    ok(m.expect(b"monitor") and m.expect(b"(anykvm) "), "Ctrl-A c goes to the monitor")
    m.send(b"info status\r\x01c")
    ok(m.expect(b"VM status: running"), "which answers")
    m.send(b"guest")
    ok(m.expect(b"guest"), "and back to the guest")
    m.send(b"\x01zok")
    ok(m.expect(b"ok"), "an unknown key is dropped")
    m.send(b"x" * 3000)
    ok(m.expect(b"x" * 3000), "a paste arrives whole", len(m.seen))
    m.send(b"\x01x")
    ok(m.wait() == 0, "Ctrl-A x ends it, status 0")
    ok(m.restored(), "and the terminal is as before")
    m.close()
    return True


def ends():
    for name, key, args in (("power-off", b"P", ()), ("reset with -no-reboot", b"R", ("-no-reboot",)),
                            ("keyboard reset with -no-reboot", b"K", ("-no-reboot",)),
                            ("triple fault with -no-reboot", b"T", ("-no-reboot",))):
        m = Machine(*args)
        m.ready()
        m.send(key)
        ok(m.wait() == 0, f"{name}: status 0")
        ok(m.restored(), f"{name}: the terminal is as before")
        m.close()
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        m = Machine()
        m.ready()
        m.p.send_signal(sig)
        ok(m.expect(b"ended by signal"), f"{sig.name} is said")
        ok(m.wait() == 0 and m.restored(), f"{sig.name}: ends, the terminal is as before")
        m.close()
    m = Machine()
    m.ready()
    m.p.send_signal(signal.SIGABRT)
    ok(m.wait() == -signal.SIGABRT and m.restored(), "even a crash leaves the terminal as before")
    m.close()
    m = Machine("-serial", "mon:stdio", "-serial", "file:/nonexistent/log")
    rc = m.wait()
    ok(rc == 1 and m.restored(), "a back end that does not open: status 1, terminal untouched", rc)
    m.close()


def resets():
    m = Machine()
    m.ready()
    for name, key in (("CF9h", b"R"), ("the keyboard controller", b"K"), ("a triple fault", b"T")):
        m.send(key)
        ok(m.expect(b"ready"), f"reset by {name}: the guest starts again")
        m.send(b"again")
        ok(m.expect(b"again"), f"reset by {name}: and works")
    for _ in range(20):
        m.send(b"R")
        if not m.expect(b"ready"):
            break
    m.send(b"P")
    ok(m.wait() == 0, "twenty resets and a power-off")
    m.close()
    m = Machine("-smp", "4")
    m.ready()
    m.send(b"R")
    ok(m.expect(b"ready"), "reset with four CPUs")
    m.send(b"P")
    ok(m.wait() == 0, "power-off with four CPUs")
    m.close()


def plain_files():
    m = Machine(tty=False)
    m.ready()
    m.send(b"abc")
    ok(m.expect(b"abc"), "pipes work as the terminal does")
    m.p.stdin.close()
    time.sleep(0.3)
    ok(m.p.poll() is None, "the end of the input does not end the guest")
    m.p.terminate()
    ok(m.wait() == 0, "it ends when told")
    m.close()

    m = Machine(tty=False)
    m.ready()
    text = bytes(32 + i % 40 for i in range(20000)).replace(b"P", b".")
    text = re.sub(rb"[RKT]", b".", text)
    m.send(text[:60000])
    ok(m.expect(text), "20000 bytes by a pipe arrive whole", len(m.seen))
    m.send(b"P")
    ok(m.wait() == 0, "power-off with pipes")
    m.close()

    with open(os.path.join(TMP.name, "in"), "w+b") as f:
        f.write(b"from a fileP")
        f.seek(0)
        m = Machine(tty=False, stdin=f)
        ok(m.expect(b"from a file"), "input from a file")
        ok(m.wait() == 0, "and the file can end it")
        m.close()
    m = Machine("-serial", "stdio", tty=False)
    m.ready()
    m.send(b"\x01x\x01h")
    ok(m.expect(b"\x01x\x01h"), "-serial stdio without a terminal passes every byte")
    m.send(b"P")
    m.wait()
    m.close()


def back_ends():
    log = os.path.join(TMP.name, "log")
    m = Machine("-serial", "file:" + log, tty=False)
    time.sleep(1)
    m.p.terminate()
    m.wait()
    ok(open(log, "rb").read() == b"ready\n", "-serial file:", open(log, "rb").read())
    m.close()
    for spec in ("null", "none"):
        m = Machine("-serial", spec, tty=False)
        time.sleep(0.3)
        ok(m.p.poll() is None, f"-serial {spec} runs")
        m.p.terminate()
        ok(m.wait() == 0, f"-serial {spec} ends")
        m.close()
    m = Machine("-serial", "pty", tty=False)
    ok(m.expect(b"serial0 is on "), "-serial pty says where")
    m.expect(b"\n") if b"\n" not in m.seen else None
    path = re.search(rb"/dev/pts/\d+", b"/dev/pts" + m.seen.split(b"/dev/pts")[-1])
    ok(path, "the name is a pseudo-terminal's", m.seen)
    if path:
        fd = os.open(path.group().decode(), os.O_RDWR | os.O_NOCTTY)
        time.sleep(0.8)
        os.write(fd, b"ping")
        heard = b""
        while b"ping" not in heard and select.select([fd], [], [], LIMIT)[0]:
            heard += os.read(fd, 64)
        ok(b"ping" in heard, "someone who opens it later can talk to the guest", heard)
        os.write(fd, b"P")
        ok(m.wait() == 0, "and end it")
        os.close(fd)
    m.close()
    sockets()
    pipes()
    p = subprocess.Popen([ANYKVM, "-accel", ACCEL, "-m", "16", "-kernel", KERNEL],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdout.close()
    time.sleep(0.5)
    p.stdin.write(b"abcP")
    p.stdin.flush()
    try:
        rc = p.wait(LIMIT)
    except subprocess.TimeoutExpired:
        p.kill()
        rc = "still running"
    ok(rc == 0, "a reader that has gone does not stop the guest", rc)


def hears(s, text):
    """Read from a socket until text comes."""
    heard = b""
    s.settimeout(LIMIT)
    try:
        while text not in heard:
            data = s.recv(4096)
            if not data:
                break
            heard += data
    except TimeoutError:
        pass
    return text in heard


def sockets():
    path = os.path.join(TMP.name, "sock")
    m = Machine("-serial", f"unix:{path},server=on,wait=off", tty=False)
    end = time.time() + LIMIT
    while not os.path.exists(path) and time.time() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    for turn in ("first", "second"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.send(turn.encode())
        ok(hears(s, turn.encode()), f"unix socket: the {turn} peer talks to the guest")
        s.close()
    p = subprocess.run([ANYKVM, "-accel", ACCEL, "-m", "16", "-kernel", KERNEL, "-serial",
                        f"unix:{path},server=on,wait=off"], capture_output=True, timeout=LIMIT)
    ok(p.returncode == 1 and b"somebody else listens" in p.stderr, "two cannot listen at one path",
       p.stderr)
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.send(b"P")
    ok(m.wait() == 0, "and it powers off")
    ok(not os.path.exists(path), "the socket's name goes with it")
    m.close()

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    m = Machine("-chardev", f"socket,id=c,host=127.0.0.1,port={port},reconnect=1", "-serial",
                "chardev:c", tty=False)
    for turn in ("first", "second"):
        listener.settimeout(LIMIT)
        s, _ = listener.accept()
        s.send(turn.encode())
        ok(hears(s, turn.encode()), f"tcp client: it calls the {turn} time")
        s.close()
    m.p.terminate()
    ok(m.wait() == 0, "and ends")
    m.close()

    m = Machine("-serial", f"unix:{path},server=on", tty=False)
    ok(m.expect(b"waiting for a connection"), "wait=on waits, and says so")
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    ok(hears(s, b"ready"), "the guest starts when somebody is there")
    m.p.kill()
    m.close()
    m = Machine("-serial", f"unix:{path},server=on", tty=False)
    ok(m.expect(b"waiting for a connection"), "what a killed process left is taken away")
    m.p.terminate()
    ok(m.wait() == -signal.SIGTERM, "while it waits a signal ends it")
    m.close()


def pipes():
    path = os.path.join(TMP.name, "fifo")
    os.mkfifo(path + ".in")
    os.mkfifo(path + ".out")
    m = Machine("-serial", "pipe:" + path, tty=False)
    out = os.open(path + ".out", os.O_RDWR)
    inp = os.open(path + ".in", os.O_RDWR)
    heard = b""
    os.write(inp, b"through")
    while b"through" not in heard and select.select([out], [], [], LIMIT)[0]:
        heard += os.read(out, 64)
    ok(b"through" in heard, "-serial pipe:", heard)
    os.write(inp, b"P")
    ok(m.wait() == 0, "and it powers off")
    os.close(out)
    os.close(inp)
    m.close()


def choice():
    argv = [ANYKVM, "-m", "16", "-kernel", KERNEL]
    p = subprocess.run(argv, input=b"P", capture_output=True, timeout=LIMIT)
    err = p.stderr.decode()
    ok(p.returncode == 0 and err.startswith("anykvm: using -accel ") and err.count("\n") == 1,
       "the default choice is told in one line", err)
    p = subprocess.run([*argv, "-accel", "bt"], input=b"P", capture_output=True, timeout=LIMIT)
    ok(p.returncode == 0 and p.stderr == b"", "an explicit choice is not", p.stderr)


if terminal_keys():
    ends()
    resets()
    plain_files()
    back_ends()
    choice()
sys.exit(end())
