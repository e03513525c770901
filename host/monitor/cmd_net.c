// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about networks: what there is, and the cable. */
#include "host/machine/machine.h"
#include "host/monitor/monitor.h"
#include "host/net/net.h"

static struct json_object *run_info(struct call *c)
{
	struct netdev *nd;
	char text[256];

	for (nd = netdev_first(); nd; nd = netdev_next(nd)) {
		netdev_describe(nd, text, sizeof(text));
		call_print(c, "%s: %s%s\n", netdev_id(nd), text, net_link(nd) ? "" : ", link down");
		if (netdev_user_name(nd))
			call_print(c, "    Attached to: %s\n", netdev_user_name(nd));
	}
	return NULL;
}

/* For completion. */
static const char *netdev_name(unsigned int n)
{
	struct netdev *nd;

	for (nd = netdev_first(); nd && n--; nd = netdev_next(nd))
		;
	return nd ? netdev_id(nd) : NULL;
}

/* By the name of the back end, or of the card that has it. */
static struct netdev *find(const char *name)
{
	struct netdev *nd = netdev_find(name);
	struct device *dev = device_find(machine_bus(), name);
	unsigned int i;

	for (i = 0; !nd && dev && i < dev->cls->nr_props; i++)
		if (dev->cls->props[i].type == PROP_NETDEV)
			nd = *(struct netdev **)((char *)dev + dev->cls->props[i].offset);
	return nd;
}

static struct json_object *run_set_link(struct call *c)
{
	const char *name = call_str(c, "name");
	struct netdev *nd = find(name);

	if (!nd)
		return call_fail(c, DEVICE_NOT_FOUND, "Device '%s' not found; info network lists all", name);
	netdev_set_link(nd, call_bool(c, "up", false));
	return NULL;
}

static const struct field link_args[] = {
	{ "name", KIND_STR, "of -netdev id= or of the card", .names = netdev_name },
	{ "up", KIND_BOOL, "on: the cable is plugged in" }, { 0 }
};

static const struct command net_commands[] = {
	{ .hmp = "info network", .help = "the networks and their cards", .run = run_info },
	{ .hmp = "set_link", .qmp = "set_link", .help = "plug a network's cable in, or pull it",
	  .args = link_args, .run = run_set_link },
};
COMMANDS_REGISTER(net_commands);
