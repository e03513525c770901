# SPDX-License-Identifier: LGPL-2.1-or-later
testhome-y += home/test/plat-test.o
