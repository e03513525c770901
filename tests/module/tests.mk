# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs of the module's tests: each file is one. Some are over the guest of walker.c.
module-progs := $(filter-out %/walker,$(patsubst %.c,%,$(wildcard tests/module/*.c)))
prog-y += $(module-progs)
check-y += tests/module/run
tests/module/run-opts := timeout=1200 alone
tests/module/walker-users := compat hold killed slots squeeze
$(foreach t,$(addprefix tests/module/,$(tests/module/walker-users)),\
	$(eval $(t)-y := $(t).o tests/module/walker.o))
