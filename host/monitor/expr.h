/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as a person writes them in HMP: 0x1000, $rsp+8, ($eip - 4)*2. */
#ifndef ANYKVM_HOST_MONITOR_EXPR_H
#define ANYKVM_HOST_MONITOR_EXPR_H

#include "host/monitor/monitor.h"

/* False: it is none; c->error may say more. */
bool expr_value(struct call *c, const char *text, uint64_t *val);

/* cmd_cpu.c: of the CPU that the monitor looks at; false: there is no such register. */
bool cpu_register(struct call *c, const char *name, uint64_t *val);

#endif
