# SPDX-License-Identifier: LGPL-2.1-or-later
devices-y += $(patsubst %.c,%.o,$(sort $(wildcard devices/*/*.c)))
