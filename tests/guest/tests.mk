# SPDX-License-Identifier: LGPL-2.1-or-later
check-y += tests/guest/boot.py tests/guest/disks.py
tests/guest/boot.py-opts := timeout=1200
check-y += tests/guest/screens.py
check-y += tests/guest/console.py
check-y += tests/guest/firmware.py
check-y += tests/guest/board.py
check-y += tests/guest/net.py
check-y += tests/guest/virtio.py tests/guest/graphics.py tests/guest/tap.py
check-y += tests/guest/control.py
# The largest guests come over the network while other tests run; what boots them is last.
check-y += scripts/fetch-guest scripts/fetch-userland tests/guest/installer.py tests/guest/debian.py
scripts/fetch-guest-args := installer
scripts/fetch-guest-opts := beside timeout=1200
scripts/fetch-userland-args := system
scripts/fetch-userland-opts := beside timeout=1200
tests/guest/installer.py-opts := after=scripts/fetch-guest
tests/guest/debian.py-opts := after=scripts/fetch-userland timeout=1200
