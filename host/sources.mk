# SPDX-License-Identifier: LGPL-2.1-or-later
host-y += $(patsubst %.c,%.o,$(sort $(wildcard host/*.c host/*/*.c)))
host-libs += -ljson-c -lseccomp
host-y += host/boot/rom_code.o
host-libs += -lslirp
host-libs += -lpng
host-libs += -luring
host-libs += -lncursesw -ltinfo
