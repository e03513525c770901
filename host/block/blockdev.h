/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -blockdev: nodes one by one. */
#ifndef ANYKVM_HOST_BLOCK_BLOCKDEV_H
#define ANYKVM_HOST_BLOCK_BLOCKDEV_H

#include "host/keyval.h"
#include "host/options.h"

void blockdev_parse(struct config *cfg, const char *val);
void blockdev_open_all(void);
/* locking=auto|on|off under @key: are locks wanted? */
bool take_locking(struct keyval *kv, const char *key);

#endif
