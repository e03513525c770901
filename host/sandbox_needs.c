// SPDX-License-Identifier: LGPL-2.1-or-later
/* What has been asked for that the sandbox forbids; beside it so that others link without it. */
#include "host/sandbox.h"

const char *sandbox_wants_programs;
bool sandbox_wants_sockets;
