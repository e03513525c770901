/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -object secret: words that should not stand on a command line. */
#ifndef ANYKVM_HOST_SECRET_H
#define ANYKVM_HOST_SECRET_H

/* When options are opened, after ORDER_OBJECT. NULL: there is no such secret. */
const char *secret_text(const char *id);

#endif
