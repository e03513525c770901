# SPDX-License-Identifier: LGPL-2.1-or-later
# The shim, as programs meet it: under anykvm-exec.
prog-y += tests/shim/probe
check-y += tests/shim/run
