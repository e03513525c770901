# SPDX-License-Identifier: LGPL-2.1-or-later
test-y += tests/host/devices
san-test-y += tests/host/devices
tests/host/devices-y := tests/host/devices.o host/bus.o host/report.o $(devices-y)
check-y += tests/host/cli.py tests/host/terminal.py tests/host/seeing.py
tests/host/seeing.py-opts := timeout=300
