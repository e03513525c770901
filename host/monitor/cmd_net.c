// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about networks: what there is, the cable, ports that lead into the guest, cards' filters. */
#include <stdio.h>
#include <stdlib.h>

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

/* --- the user network --- */

/* Of -netdev user: by name, or the first one. */
static struct netdev *find_user_network(struct call *c, const char *id)
{
	struct netdev *nd = id ? netdev_find(id) : netdev_first();

	while (!id && nd && !netdev_has_forwards(nd))
		nd = netdev_next(nd);
	if (id && !nd)
		call_fail(c, DEVICE_NOT_FOUND, "Device '%s' not found; info network lists all", id);
	else if (!nd)
		call_fail(c, GENERIC_ERROR, "there is no -netdev user");
	else if (!netdev_has_forwards(nd))
		call_fail(c, GENERIC_ERROR, "Parameter 'netdev_id': %s is no -netdev user", id);
	return c->error ? NULL : nd;
}

static struct json_object *forward(struct call *c, bool add)
{
	const char *rule = call_str(c, "rule"), *wrong;
	struct netdev *nd = find_user_network(c, call_str(c, "netdev_id"));

	if (!nd)
		return NULL;
	wrong = netdev_forward(nd, rule, add);
	return wrong ? call_fail(c, GENERIC_ERROR, "Parameter 'rule': %s: %s", rule, wrong) : NULL;
}

static struct json_object *run_hostfwd_add(struct call *c)
{
	return forward(c, true);
}

static struct json_object *run_hostfwd_remove(struct call *c)
{
	return forward(c, false);
}

static struct json_object *run_usernet(struct call *c)
{
	struct netdev *nd;
	char *text;

	for (nd = netdev_first(); nd; nd = netdev_next(nd)) {
		if (!netdev_has_forwards(nd))
			continue;
		text = netdev_connections(nd);
		call_print(c, "%s:\n%s", netdev_id(nd), text);
		free(text);
	}
	return NULL;
}

/* --- which frames a card takes --- */

static const char *const rx_kinds[] = { "none", "normal", "all", NULL };

static struct json_object *mac_text(const uint8_t *m)
{
	char text[20];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_object_new_string(text);
}

static struct json_object *macs(const uint8_t (*mac)[6], unsigned int n)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < n; i++)
		json_object_array_add(list, mac_text(mac[i]));
	return list;
}

static struct json_object *vlans(const uint32_t *bits)
{
	struct json_object *list = json_object_new_array();
	int i;

	for (i = 0; i < 4096; i++)
		if (bits[i / 32] >> (i & 31) & 1)
			json_object_array_add(list, json_object_new_int(i));
	return list;
}

static struct json_object *filter_of(const char *name, const struct net_rx_filter *f)
{
	struct json_object *o = json_object_new_object();

	put_str(o, "name", name);
	put_bool(o, "promiscuous", f->promiscuous);
	put_str(o, "multicast", rx_kinds[f->multicast]);
	put_str(o, "unicast", rx_kinds[f->unicast]);
	put_str(o, "vlan", rx_kinds[f->vlan]);
	put_bool(o, "broadcast-allowed", f->broadcast);
	put_bool(o, "multicast-overflow", f->multicast_overflow);
	put_bool(o, "unicast-overflow", f->unicast_overflow);
	json_object_object_add(o, "main-mac", mac_text(f->main_mac));
	json_object_object_add(o, "vlan-table", vlans(f->vlans));
	json_object_object_add(o, "unicast-table", macs(f->unicast_mac, f->nr_unicast));
	json_object_object_add(o, "multicast-table", macs(f->multicast_mac, f->nr_multicast));
	return o;
}

static struct json_object *run_rx_filter(struct call *c)
{
	const char *name = call_str(c, "name");
	struct netdev *nd = name ? find(name) : netdev_first();
	struct json_object *list;
	struct net_rx_filter f;

	if (name && !nd)
		return call_fail(c, DEVICE_NOT_FOUND, "Device '%s' not found; info network lists all", name);
	list = json_object_new_array();
	for (; nd; nd = name ? NULL : netdev_next(nd))
		if (netdev_rx_filter(nd, &f))
			json_object_array_add(list, filter_of(netdev_user_name(nd), &f));
	return list;
}

static const struct field hostfwd_add_args[] = {
	{ "netdev_id", KIND_STR, "of -netdev user,id=; else the first", .optional = true,
	  .names = netdev_name },
	{ "rule", KIND_STR, "[tcp|udp]:[HOSTADDR]:PORT-[GUESTADDR]:PORT" }, { 0 }
};

static const struct field hostfwd_remove_args[] = {
	{ "netdev_id", KIND_STR, "of -netdev user,id=; else the first", .optional = true,
	  .names = netdev_name },
	{ "rule", KIND_STR, "[tcp|udp]:[HOSTADDR]:PORT" }, { 0 }
};

static const struct field rx_filter_args[] = {
	{ "name", KIND_STR, "a card, or its -netdev; else all", .optional = true }, { 0 }
};

static const struct field rx_filter_ret[] = {
	{ "name", KIND_STR, "the card" }, { "promiscuous", KIND_BOOL, "it takes all" },
	{ "multicast", KIND_ENUM, "normal: those in the table", .values = rx_kinds },
	{ "unicast", KIND_ENUM, "", .values = rx_kinds }, { "vlan", KIND_ENUM, "", .values = rx_kinds },
	{ "broadcast-allowed", KIND_BOOL, "" },
	{ "multicast-overflow", KIND_BOOL, "it takes more than the table says" },
	{ "unicast-overflow", KIND_BOOL, "" }, { "main-mac", KIND_STR, "" },
	{ "vlan-table", KIND_INT, "", .array = true }, { "unicast-table", KIND_STR, "", .array = true },
	{ "multicast-table", KIND_STR, "", .array = true }, { 0 }
};

static const struct field link_args[] = {
	{ "name", KIND_STR, "of -netdev id= or of the card", .names = netdev_name },
	{ "up", KIND_BOOL, "on: the cable is plugged in" }, { 0 }
};

static const struct command net_commands[] = {
	{ .hmp = "info network", .help = "the networks and their cards", .run = run_info },
	{ .hmp = "set_link", .qmp = "set_link", .help = "plug a network's cable in, or pull it",
	  .args = link_args, .run = run_set_link },
	{ .hmp = "hostfwd_add", .help = "let a port of this host lead into the guest",
	  .args = hostfwd_add_args, .run = run_hostfwd_add },
	{ .hmp = "hostfwd_remove", .help = "take such a port away", .args = hostfwd_remove_args,
	  .run = run_hostfwd_remove },
	{ .hmp = "info usernet", .help = "the connections of -netdev user", .run = run_usernet },
	{ .qmp = "query-rx-filter", .help = "which frames the network cards take", .args = rx_filter_args,
	  .returns = rx_filter_ret, .returns_array = true, .run = run_rx_filter },
};
COMMANDS_REGISTER(net_commands);
