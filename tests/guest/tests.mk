# SPDX-License-Identifier: LGPL-2.1-or-later
check-y += tests/guest/boot.py tests/guest/disks.py
tests/guest/disks.py-opts := timeout=400
tests/guest/boot.py-opts := timeout=840
check-y += tests/guest/screens.py
tests/guest/screens.py-opts := timeout=420
check-y += tests/guest/console.py
tests/guest/console.py-opts := timeout=300
check-y += tests/guest/firmware.py
tests/guest/firmware.py-opts := timeout=600
check-y += tests/guest/board.py
tests/guest/board.py-opts := timeout=600
check-y += tests/guest/net.py
tests/guest/net.py-opts := timeout=420
check-y += tests/guest/virtio.py tests/guest/graphics.py tests/guest/tap.py
tests/guest/virtio.py-opts := timeout=420
check-y += tests/guest/control.py
tests/guest/control.py-opts := timeout=300
tests/guest/graphics.py-opts := timeout=600
tests/guest/tap.py-opts := timeout=300
# The largest guests come over the network while other tests run; what boots them is last.
check-y += scripts/fetch-guest scripts/fetch-userland tests/guest/installer.py tests/guest/debian.py
scripts/fetch-guest-args := installer
scripts/fetch-guest-opts := beside timeout=900
scripts/fetch-userland-args := system
scripts/fetch-userland-opts := beside timeout=900
tests/guest/installer.py-opts := after=scripts/fetch-guest timeout=600
tests/guest/debian.py-opts := after=scripts/fetch-userland timeout=840
