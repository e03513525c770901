// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -netdev, -nic and -net. A -nic is a -netdev and a card of -device in one: its words are sorted by
 * whose they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/device_option.h"
#include "host/nearest.h"
#include "host/net/backend.h"
#include "host/options.h"
#include "host/report.h"

static const struct net_backend *const backends[] = { &net_slirp, &net_tap, &net_socket };

/* What QEMU has besides, and why it is not here. */
static const struct { const char *kind, *instead; } others[] = {
	{ "hubport", "there are no hubs; join two machines by -netdev socket" },
	{ "bridge", "it needs a set-uid helper; make a tap interface in the bridge and give -netdev tap,ifname=" },
	{ "vde", "give -netdev tap or socket" },
	{ "l2tpv3", "give -netdev tap or socket" },
	{ "stream", "give -netdev socket,listen= or connect=" },
	{ "dgram", "give -netdev socket,udp= or mcast=" },
	{ "vhost-user", "frames go through this process: give -netdev user, tap or socket" },
	{ "vhost-vdpa", "frames go through this process: give -netdev user, tap or socket" },
};

static const struct net_backend *find_backend(struct keyval *kv, const char *kind)
{
	const char *names[ARRAY_SIZE(backends)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		if (!strcmp(backends[i]->kind, kind))
			return backends[i];
		names[i] = backends[i]->kind;
	}
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(others[i].kind, kind))
			keyval_die(kv, "'%s' is not built: %s", kind, others[i].instead);
	keyval_die(kv, "there is no network back end '%s'; did you mean '%s'? (-netdev help lists all)",
		   kind, nearest(kind, strlen(kind), names, ARRAY_SIZE(names)));
}

static void print_help(void)
{
	unsigned int i;

	printf("Network back ends of -netdev:\n");
	for (i = 0; i < ARRAY_SIZE(backends); i++)
		printf("  %-10s %s\n", backends[i]->kind, backends[i]->help);
	end_process(0);
}

static void parse_netdev(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-netdev", keyval_flat("-netdev", val), "type");
	const char *kind = keyval_need(kv, "type");
	struct netdev *nd;

	if (!strcmp(kind, "help"))
		print_help();
	nd = netdev_create(find_backend(kv, kind), keyval_need(kv, "id"));
	nd->be->parse(nd, kv);
	keyval_end(kv);
}

/* A value as it is written in a list: its commas twice. */
static void add_word(char *line, size_t len, const char *key, const char *val)
{
	size_t at = strlen(line);

	at += (size_t)snprintf(line + at, len - at, ",%s=", key);
	for (; *val && at + 3 < len; val++) {
		if (*val == ',')
			line[at++] = ',';
		line[at++] = *val;
	}
	line[at] = 0;
}

/* Names that QEMU gives to a card in -nic only. */
static const char *card_name(const char *model)
{
	return strcmp(model, "virtio") ? model : "virtio-net-pci";
}

static void nic_help(void)
{
	const struct device_class *const *c;
	const struct device_prop *p;

	printf("Network cards of -nic model=:\n");
	for (c = device_classes(); *c; c++)
		for (p = (*c)->props; p < (*c)->props + (*c)->nr_props; p++)
			if ((*c)->user && p->type == PROP_NETDEV)
				printf("  %-24s %s\n", (*c)->name, (*c)->what);
	end_process(0);
}

static void parse_nic(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-nic", val, "type");
	const char *kind = keyval_need(kv, "type"), *id = keyval_take(kv, "id");
	const char *model = keyval_take(kv, "model"), *mac = keyval_take(kv, "mac");
	const char *addr = keyval_take(kv, "addr");
	static unsigned int nr;
	char name[32], line[512];
	struct netdev *nd;

	if ((model && !strcmp(model, "help")) || !strcmp(kind, "help"))
		nic_help();
	if (!strcmp(kind, "none")) {
		keyval_end(kv);
		return;
	}
	snprintf(name, sizeof(name), "nic%u", nr++);
	nd = netdev_create(find_backend(kv, kind), id ? id : name);
	snprintf(line, sizeof(line), "%s", card_name(model ? model : "e1000"));
	add_word(line, sizeof(line), "netdev", nd->id);
	if (mac)
		add_word(line, sizeof(line), "mac", mac);
	if (addr)
		add_word(line, sizeof(line), "addr", addr);
	nd->be->parse(nd, kv);
	keyval_end(kv);
	device_option_add(strdup(line));
}

/* The form of before 2.12, of which scripts have "-net none" and "-net nic -net user". */
static void parse_net(struct config *cfg, const char *val)
{
	if (strcmp(val, "none"))
		die("-net %s: hubs are not built; write -nic user,model=e1000, or -netdev and -device", val);
}

static void open_nets(const struct config *cfg)
{
	netdev_open_all();
	net_dumps_open();
}

static const struct option options[] = {
	{ "netdev", "KIND,id=NAME[,KEY=VALUE...]", "network back end; -netdev help lists",
	  parse_netdev },
	{ "nic", "KIND[,model=CARD][,mac=ADDRESS][,KEY=VALUE...]",
	  "a -netdev and its card in one (default e1000); -nic none: none", parse_nic },
	{ "net", "none", NULL, parse_net },
};

static const struct option_group net_group = {
	.title = "Network",
	.order = ORDER_NET,
	.options = options,
	.nr = ARRAY_SIZE(options),
	.open = open_nets,
};
OPTIONS_REGISTER(net_group);
