// SPDX-License-Identifier: LGPL-2.1-or-later
/* The words with which -drive and the properties of devices say how a disk is to be taken. */
#include <stddef.h>

#include "host/block/block.h"

/* In the order of enum on_error_word (drive.h), behind "auto". */
const char *const block_read_choices[] = { "auto", "report", "ignore", "stop", NULL };
const char *const block_write_choices[] = { "auto", "report", "ignore", "stop", "enospc", NULL };
const char *const block_cache_choices[] = { "auto", "on", "off", NULL };
