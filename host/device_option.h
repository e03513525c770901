/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * -device and -global: devices that the user adds to the board's.
 */
#ifndef ANYKVM_HOST_DEVICE_OPTION_H
#define ANYKVM_HOST_DEVICE_OPTION_H

#include "host/bus/bus.h"
#include "host/bus/pci.h"

/*
 * After the board's own devices: create what -device asks for, in the order of the command line, or
 * die. @pci is the bus that devices without bus= go to; NULL: the board has none.
 */
void user_devices_create(struct bus *bus, struct pci_bus *pci);

/* As if "-device @text" stood on the command line: other options' short forms (-nic). */
void device_option_add(const char *text);

/* Is there a -device of this class? The board leaves its own default one out then. */
bool device_option_given(const char *class_name);

/* Kinds of devices for lists ("Storage"), from what a class says of itself. */
const char *device_category(const struct device_class *cls);
/* What may be written for a property's value ("on|off", "0..7"). */
void device_prop_values(const struct device_prop *p, char *buf, size_t len);

#endif
