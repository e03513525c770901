# SPDX-License-Identifier: LGPL-2.1-or-later
test-y += tests/host/devices
san-test-y += tests/host/devices
# A machine for one device: every test of a device links it, and all devices.
world-y := tests/host/world.o tests/host/backends.o $(devices-y) $(filter host/bus/%,$(host-y)) \
	host/display/display.o host/input/input.o host/input/keys.o host/balloon.o \
	host/firmware.o host/keyval.o host/nearest.o host/report.o
tests/host/devices-y := tests/host/devices.o $(world-y)
test-y += tests/host/bus
san-test-y += tests/host/bus
tests/host/bus-y := tests/host/bus.o $(world-y)
test-y += tests/host/ide
san-test-y += tests/host/ide
tests/host/ide-y := tests/host/ide.o $(world-y)
# The block layer, on files.
test-y += tests/host/block
san-test-y += tests/host/block
tests/host/block-y := tests/host/block.o $(filter host/block/%,$(host-y)) host/loop.o host/event.o \
	host/keyval.o host/nearest.o host/report.o
tests/host/block-libs := -luring
test-y += tests/host/vga
san-test-y += tests/host/vga
tests/host/vga-y := tests/host/vga.o host/display/dump.o $(world-y)
tests/host/vga-libs := -lpng
test-y += tests/host/ps2
san-test-y += tests/host/ps2
tests/host/ps2-y := tests/host/ps2.o $(world-y)
test-y += tests/host/cirrus
san-test-y += tests/host/cirrus
tests/host/cirrus-y := tests/host/cirrus.o $(world-y)
check-y += tests/host/cli.py tests/host/terminal.py tests/host/seeing.py
check-y += tests/host/qmp.py tests/host/devices_table.py
tests/host/seeing.py-opts := timeout=300
# A hostile guest for every device: a few random rows here, libFuzzer in make fuzz-devices.
san-test-y += tests/fuzz/device
tests/fuzz/device-y := tests/fuzz/device.o tests/fuzz/virtio.o $(world-y)
ifdef FUZZ
prog-y += tests/fuzz/device
tests/fuzz/device-libs := -fsanitize=fuzzer
endif
# The network back ends in the real event loop.
test-y += tests/host/nets
san-test-y += tests/host/nets
tests/host/nets-y := tests/host/nets.o host/sandbox_needs.o host/loop.o host/report.o host/keyval.o host/nearest.o \
	$(addprefix host/net/,net.o slirp.o socket.o tap.o dump.o)
tests/host/nets-libs := -lslirp
test-y += tests/host/chipset
san-test-y += tests/host/chipset
tests/host/chipset-y := tests/host/chipset.o $(world-y)
# Virtio: a driver of the test's own on every transport.
test-y += tests/host/virtio
san-test-y += tests/host/virtio
tests/host/virtio-y := tests/host/virtio.o tests/host/virtio_driver.o $(world-y)
test-y += tests/host/virtio_blk
san-test-y += tests/host/virtio_blk
tests/host/virtio_blk-y := tests/host/virtio_blk.o tests/host/virtio_driver.o $(world-y)
test-y += tests/host/virtio_misc
san-test-y += tests/host/virtio_misc
tests/host/virtio_misc-y := tests/host/virtio_misc.o tests/host/virtio_driver.o $(world-y)
test-y += tests/host/i8257
san-test-y += tests/host/i8257
tests/host/i8257-y := tests/host/i8257.o $(world-y)
test-y += tests/host/e1000
san-test-y += tests/host/e1000
tests/host/e1000-y := tests/host/e1000.o $(world-y)
test-y += tests/host/fdc
san-test-y += tests/host/fdc
tests/host/fdc-y := tests/host/fdc.o $(world-y)
# The VNC server, with a display of the test's, and an RFB client in Python.
prog-y += tests/host/vncd
tests/host/vncd-y := tests/host/vncd.o $(filter host/display/vnc%,$(host-y)) host/display/display.o \
	host/input/input.o host/input/keys.o host/loop.o host/keyval.o host/nearest.o host/object.o \
	host/secret.o host/report.o
tests/host/vncd-libs := -lvncserver
check-y += tests/host/vnc.py
test-y += tests/host/hpet
san-test-y += tests/host/hpet
tests/host/hpet-y := tests/host/hpet.o $(world-y)
test-y += tests/host/virtio_net
san-test-y += tests/host/virtio_net
tests/host/virtio_net-y := tests/host/virtio_net.o tests/host/virtio_driver.o $(world-y)
test-y += tests/host/sandbox
tests/host/sandbox-y := tests/host/sandbox.o host/sandbox.o host/sandbox_needs.o host/keyval.o host/nearest.o \
	host/report.o
tests/host/sandbox-libs := -lseccomp
test-y += tests/host/acpi
san-test-y += tests/host/acpi
tests/host/acpi-y := tests/host/acpi.o $(world-y) $(filter host/acpi/%,$(host-y))
# The console in a browser; skipped without chromium (scripts/deps web-test).
check-y += tests/host/web.py
tests/host/web.py-opts := timeout=240
