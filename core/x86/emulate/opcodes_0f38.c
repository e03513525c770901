/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
#include "x86/emulate/opcodes.h"
const struct x86_node x86_map_0f38[256] = {};
const struct x86_node x86_map_0f3a[256] = {};
const struct x86_node x86_vex_0f[256] = {};
const struct x86_node x86_vex_0f38[256] = {};
const struct x86_node x86_vex_0f3a[256] = {};
