# SPDX-License-Identifier: LGPL-2.1-or-later
# The process home alone, over a fake core.
home-test-objs := tests/home/fake-core.o core/string.o $(process-y)
test-y += tests/home/plat tests/home/watch
san-test-y += tests/home/plat tests/home/watch
tests/home/plat-y := tests/home/plat.o $(home-test-objs)
tests/home/watch-y := tests/home/watch.o $(home-test-objs)
