# SPDX-License-Identifier: LGPL-2.1-or-later

# The decoder against Zydis.
test-y += tests/diff/decode
san-test-y += tests/diff/decode
tests/diff/decode-y := tests/diff/decode.o tests/diff/decode_zydis.o tests/diff/decode_known.o
tests/diff/decode-link := core
tests/diff/decode-libs := -lZydis
tests/diff/decode-opts := timeout=120
