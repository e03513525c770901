# SPDX-License-Identifier: LGPL-2.1-or-later
tests/api/api-y := $(patsubst %.c,%.o,$(wildcard tests/api/*.c))
prog-y += tests/api/api
check-y += tests/api/on-library tests/api/on-stock
