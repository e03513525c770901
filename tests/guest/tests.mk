# SPDX-License-Identifier: LGPL-2.1-or-later
check-y += tests/guest/boot.py tests/guest/disks.py
tests/guest/disks.py-opts := timeout=400
tests/guest/boot.py-opts := timeout=840
check-y += tests/guest/screens.py
tests/guest/screens.py-opts := timeout=840
check-y += tests/guest/console.py
tests/guest/console.py-opts := timeout=300
check-y += tests/guest/firmware.py
tests/guest/firmware.py-opts := timeout=600
check-y += tests/guest/net.py
tests/guest/net.py-opts := timeout=420
