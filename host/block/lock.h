/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks on image files, so that two machines do not share one by mistake. */
#ifndef ANYKVM_HOST_BLOCK_LOCK_H
#define ANYKVM_HOST_BLOCK_LOCK_H

#include <stdbool.h>

/* NULL, or who is in the way, to be put after the file's name. Ends with the descriptor. */
const char *file_lock(int fd, bool writes);
void file_unlock(int fd);

#endif
