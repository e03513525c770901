# SPDX-License-Identifier: LGPL-2.1-or-later
tests/api/api-y := $(patsubst %.c,%.o,$(wildcard tests/api/*.c))
test-y += tests/api/api
# The suite itself runs by tests/api/run, once on each device.
