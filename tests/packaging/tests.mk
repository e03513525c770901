# SPDX-License-Identifier: LGPL-2.1-or-later
check-y += tests/packaging/build tests/packaging/dkms
tests/packaging/build-opts := timeout=400
tests/packaging/dkms-opts := timeout=300
