# SPDX-License-Identifier: LGPL-2.1-or-later
# The emulator.
emulate-test-y := emulate emulate_env emulate_basic emulate_legacy emulate_long emulate_atomic
test-y += tests/unit/emulate_native
san-test-y += tests/unit/emulate
tests/unit/emulate-y := $(emulate-test-y:%=tests/unit/%.o)
tests/unit/emulate-link := core
tests/unit/emulate_native-link := core
tests/unit/emulate_native-args := 800000
