# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs of the module's tests: each file but guest.c is one, over the guest of guest.c.
module-progs := $(filter-out tests/module/guest,$(patsubst %.c,%,$(wildcard tests/module/*.c)))
prog-y += $(module-progs)
$(foreach t,$(module-progs),$(eval $(t)-y := $(t).o tests/module/guest.o))
