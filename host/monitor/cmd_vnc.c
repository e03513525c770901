// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about the VNC server: who looks, and what one must know to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/display/vnc.h"
#include "host/monitor/monitor.h"

static struct json_object *run_vnc(struct call *c)
{
	struct json_object *ret = json_object_new_object(), *clients = json_object_new_array(), *o;
	struct vnc_info info;
	const struct vnc_viewer *v;
	char port[16];
	unsigned int n;

	(void)c;
	put_bool(ret, "enabled", vnc_info(&info));
	if (!get_bool(ret, "enabled"))
		return ret;
	snprintf(port, sizeof(port), "%u", info.port);
	put_str(ret, "host", info.host);
	put_str(ret, "service", port);
	put_str(ret, "auth", info.auth);
	for (n = 0; (v = vnc_viewer(n)); n++) {
		o = json_object_new_object();
		put_str(o, "host", v->viewer.host);
		put_str(o, "service", v->viewer.service);
		put_str(o, "family", v->viewer.family);
		put_bool(o, "websocket", v->websocket);
		json_object_array_add(clients, o);
	}
	json_object_object_add(ret, "clients", clients);
	return ret;
}

static void print_vnc(struct call *c, struct json_object *ret)
{
	struct json_object *clients = get_obj(ret, "clients");
	size_t i;

	if (!get_bool(ret, "enabled")) {
		call_print(c, "there is no VNC server\n");
		return;
	}
	call_print(c, "Server: %s:%s (auth: %s)\n", get_str(ret, "host"), get_str(ret, "service"),
		   get_str(ret, "auth"));
	for (i = 0; i < json_object_array_length(clients); i++)
		call_print(c, "Client: %s:%s%s\n",
			   get_str(json_object_array_get_idx(clients, i), "host"),
			   get_str(json_object_array_get_idx(clients, i), "service"),
			   get_bool(json_object_array_get_idx(clients, i), "websocket") ? " (websocket)" : "");
}

static struct json_object *run_set_password(struct call *c)
{
	return call_done(c, vnc_set_password(call_str(c, "password")));
}

/* now, never, +SECONDS from now, or SECONDS since 1970. */
static struct json_object *run_expire(struct call *c)
{
	const char *word = call_str(c, "time");
	char *end;
	long long n;

	if (!strcmp(word, "now"))
		return call_done(c, vnc_expire_password(0));
	if (!strcmp(word, "never"))
		return call_done(c, vnc_expire_password(-1));
	n = strtoll(word + (*word == '+'), &end, 10);
	if (*end || end == word || n < 0)
		return call_fail(c, GENERIC_ERROR,
				 "Parameter 'time' must be now, never, +SECONDS, or seconds since 1970");
	return call_done(c, vnc_expire_password(*word == '+' ? time(NULL) + n : n));
}

static const char *const protocols[] = { "vnc", NULL };

static const struct field client_ret[] = {
	{ "host", KIND_STR, "the viewer's address" }, { "service", KIND_STR, "its port" },
	{ "family", KIND_STR, "ipv4 or ipv6" }, { "websocket", KIND_BOOL, "from a browser" }, { 0 }
};

static const struct field vnc_ret[] = {
	{ "enabled", KIND_BOOL, "there is a server" },
	{ "host", KIND_STR, "", .optional = true }, { "service", KIND_STR, "", .optional = true },
	{ "auth", KIND_STR, "none or vnc", .optional = true },
	{ "clients", KIND_OBJECT, "", .optional = true, .array = true, .of = client_ret }, { 0 }
};

static const struct field password_args[] = {
	{ "protocol", KIND_ENUM, "of which server", .values = protocols },
	{ "password", KIND_STR, "what viewers must know from now on" }, { 0 }
};

static const struct field expire_args[] = {
	{ "protocol", KIND_ENUM, "of which server", .values = protocols },
	{ "time", KIND_STR, "now, never, +SECONDS, or seconds since 1970" }, { 0 }
};

static const struct command vnc_commands[] = {
	{ .hmp = "info vnc", .qmp = "query-vnc", .help = "the VNC server and who looks",
	  .returns = vnc_ret, .run = run_vnc, .print = print_vnc },
	{ .hmp = "set_password", .qmp = "set_password", .help = "what VNC viewers must know",
	  .args = password_args, .run = run_set_password },
	{ .hmp = "expire_password", .qmp = "expire_password",
	  .help = "until when VNC viewers may come in with it", .args = expire_args,
	  .run = run_expire },
};
COMMANDS_REGISTER(vnc_commands);
