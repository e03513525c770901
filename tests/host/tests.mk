# SPDX-License-Identifier: LGPL-2.1-or-later
# A machine for one device: every test of a device links it, and all devices.
world-y := tests/host/world.o tests/host/backends.o $(devices-y) $(filter host/bus/%,$(host-y)) \
	host/display/display.o host/input/input.o host/input/keys.o host/balloon.o host/event.o \
	host/block/choice.o host/firmware.o host/keyval.o host/nearest.o host/report.o
# A driver of the tests' own on every virtio transport.
world-virtio-tests := virtio virtio_blk virtio_misc virtio_net
world-tests := devices bus chipset ide fdc vga cirrus ps2 i8257 hpet e1000 acpi $(world-virtio-tests)
$(foreach t,$(world-tests),$(eval tests/host/$t-y := tests/host/$t.o $(world-y)))
$(foreach t,$(world-virtio-tests),$(eval tests/host/$t-y += tests/host/virtio_driver.o))
tests/host/vga-y += host/display/dump.o
tests/host/vga-libs := -lpng
tests/host/acpi-y += $(filter host/acpi/%,$(host-y))
# The block layer, on files.
tests/host/block-y := tests/host/block.o $(filter host/block/%,$(host-y)) host/loop.o host/event.o host/thread.o \
	host/keyval.o host/keyval_json.o host/nearest.o host/report.o
tests/host/block-libs := -luring -ljson-c
comma := ,
# The same on a kernel of the tests' own.
tests/host/power-y := $(tests/host/block-y:tests/host/block.o=tests/host/power.o) tests/host/fake_kernel.o
tests/host/power-libs := -luring -ljson-c $(addprefix -Wl$(comma)--wrap=,open statx pread pwrite preadv pwritev2 \
	fdatasync fallocate ftruncate io_uring_queue_init io_uring_register_eventfd io_uring_submit)
# The network back ends in the real event loop.
tests/host/nets-y := tests/host/nets.o host/sandbox.o host/sandbox_needs.o host/loop.o host/event.o \
	host/report.o host/keyval.o host/nearest.o \
	$(addprefix host/net/,net.o slirp.o socket.o tap.o dump.o)
tests/host/nets-libs := -lslirp -lseccomp
tests/host/sandbox-y := tests/host/sandbox.o host/sandbox.o host/sandbox_needs.o host/keyval.o host/nearest.o \
	host/report.o
tests/host/sandbox-libs := -lseccomp
check-y += tests/host/sandbox.py
test-y += $(addprefix tests/host/,$(world-tests) block power nets sandbox)
san-test-y += $(addprefix tests/host/,$(world-tests) block power nets)

# The program, from outside.
check-y += $(addprefix tests/host/,cli.py start.py terminal.py seeing.py monitor.py qmp.py media.py devices_table.py vnc.py web.py)
# The VNC server, with a display of the test's, and an RFB client in Python.
prog-y += tests/host/vncd
tests/host/vncd-y := tests/host/vncd.o $(filter host/display/vnc%,$(host-y)) host/display/display.o \
	host/input/input.o host/input/keys.o host/loop.o host/keyval.o host/keyval_json.o host/nearest.o host/object.o \
	host/event.o host/secret.o host/report.o host/thread.o
tests/host/vncd-libs := -ljson-c
san-prog-y += tests/host/vncd
san-check-y += tests/host/vnc.py
tests/host/vnc.py-san-args := $(B)/tests/host/vncd

# A hostile guest for every device: a few random rows here, libFuzzer in make fuzz-devices.
san-test-y += tests/fuzz/device
tests/fuzz/device-y := $(addprefix tests/fuzz/,device.o board.o recipes.o virtio.o) $(world-y)
# And a kernel's file from somebody else.
san-test-y += tests/fuzz/boot
tests/fuzz/boot-y := tests/fuzz/boot.o $(addprefix host/boot/,boot.o bzimage.o elf.o)
ifdef FUZZ
prog-y += tests/fuzz/device tests/fuzz/boot
tests/fuzz/boot-libs := -fsanitize=fuzzer
tests/fuzz/device-libs := -fsanitize=fuzzer
endif
