#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# slots with a processor for each CPU of the guest: docs/status.md says how it fails now and then.
# row: seconds=15 long=yes boot=slub_debug=FZ,preempt=full
exec build/tests/module/slots
