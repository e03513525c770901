// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -vnc: the guest's screen, keyboard and pointer for VNC viewers. What was asked for, and what the
 * monitor may ask; the server itself is in vnc_server.c.
 *
 * Without a host it listens on loopback only, unlike QEMU: a screen with a keyboard is not something
 * to offer to a whole network by leaving a word out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/display/vnc.h"
#include "host/display/vnc_internal.h"
#include "host/keyval.h"
#include "host/report.h"
#include "host/secret.h"

#define FIRST_PORT 5900u
#define WEB_FIRST_PORT 5700u

struct vnc vnc = { .expires = -1 };

static const char *password_secret;

static void parse_websocket(struct keyval *kv)
{
	const char *web = keyval_take(kv, "websocket");
	uint64_t port;
	bool on;

	if (!web)
		return;
	if (parse_u64(web, &port)) {
		if (!port || port > 65535)
			keyval_die(kv, "websocket=%s: a port is from 1 to 65535", web);
		vnc.web = true;
		vnc.web_port = (unsigned int)port;
	} else if (!parse_bool(web, &on)) {
		keyval_die(kv, "websocket=%s: must be on (port %u, and the display's number more), off, or a port",
			   web, WEB_FIRST_PORT);
	} else {
		vnc.web = on;
	}
}

/* HOST:N; the last colon counts, an address of IPv6 may stand in brackets. */
static unsigned int parse_place(struct keyval *kv, const char *where)
{
	const char *colon = strrchr(where, ':');
	size_t len = colon ? (size_t)(colon - where) : 0;
	uint64_t n;

	if (!strncmp(where, "unix:", 5))
		keyval_die(kv, "unix sockets are not built: libvncserver 0.9.14 serves TCP only; -vnc :N listens on loopback");
	if (!colon || !parse_u64(colon + 1, &n) || n > 65535 - FIRST_PORT)
		keyval_die(kv, "must be none or HOST:N with a display number from 0 to %u, like :0",
			   65535 - FIRST_PORT);
	if (len > 1 && where[0] == '[' && where[len - 1] == ']') {
		where++;
		len -= 2;
	}
	vnc.host = len ? strndup(where, len) : NULL;
	return (unsigned int)n;
}

static const char *const refused[][2] = {
	{ "tls-creds", "TLS is not built; carry it through ssh -L" },
	{ "sasl", "SASL is not built; there is password=on" },
	{ "reverse", "connecting to a listening viewer is not built" },
	{ "acl", "access lists are not built" },
	{ "sasl-authz", "SASL is not built; there is password=on" },
	{ "tls-authz", "TLS is not built; carry it through ssh -L" },
	{ "audiodev", "sound is not built" },
};

void vnc_option(const char *option, const char *val)
{
	static const char *const shares[] = { "allow-exclusive", "force-shared", "ignore", NULL };
	struct keyval *kv = keyval_parse(option, val, "vnc");
	const char *where = keyval_need(kv, "vnc"), *secret;
	unsigned int i, display;

	if (vnc.said)
		die("%s %s: there can be one VNC server", option, val);
	if (!strcmp(where, "none")) {
		keyval_end(kv);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		if (keyval_take(kv, refused[i][0]))
			keyval_die(kv, "%s: %s", refused[i][0], refused[i][1]);
	display = parse_place(kv, where);
	vnc.port = FIRST_PORT + display;
	vnc.last_port = FIRST_PORT +
		(unsigned int)keyval_take_u64(kv, "to", display, display, 65535 - FIRST_PORT);
	parse_websocket(kv);
	vnc.share = (enum vnc_share)keyval_take_enum(kv, "share", shares, VNC_ALLOW_EXCLUSIVE);
	vnc.need_password = keyval_take_bool(kv, "password", false);
	secret = keyval_take(kv, "password-secret");
	if (secret) {
		vnc.need_password = true;
		password_secret = strdup(secret);
	}
	if (keyval_take_bool(kv, "lossy", false))
		keyval_die(kv, "lossy=on: libvncserver takes JPEG or leaves it as each viewer asks");
	vnc.said = strdup(val);
	keyval_end(kv);
	/* Now: later there may be a -chroot, and a sandbox. */
	vnc_library_open();
}

static void parse_vnc(struct config *cfg, const char *val)
{
	(void)cfg;
	vnc_option("-vnc", val);
}

static void vnc_open(const struct config *cfg)
{
	const char *password, *wrong;

	if (!vnc.said)
		return;
	vnc.config = cfg;
	if (password_secret) {
		password = secret_text(password_secret);
		if (!password)
			die("-vnc %s: there is no -object secret,id=%s", vnc.said, password_secret);
		wrong = vnc_set_password(password);
		if (wrong)
			die("-vnc %s: %s", vnc.said, wrong);
	}
	vnc_listen();
}

static void vnc_start(const struct config *cfg)
{
	(void)cfg;
	if (!vnc.said)
		return;
	vnc.display = display_first();
	if (!vnc.display)
		die("-vnc %s: the machine has no screen; -vga std gives it one", vnc.said);
	vnc_server_start();
	note("VNC on %s:%u%s", vnc.host ? vnc.host : "127.0.0.1", vnc.port,
	     vnc.host ? "" : ", for this machine only (-vnc 0.0.0.0:N is for all)");
	if (vnc.web)
		note("VNC over websocket on port %u", vnc.web_port);
	if (vnc.need_password && !vnc.have_password)
		note("VNC asks for a password, and nobody comes in before the monitor sets one");
}

/* --- for the monitor --- */

bool vnc_info(struct vnc_info *info)
{
	if (!vnc.said)
		return false;
	*info = (struct vnc_info){
		.host = vnc.host ? vnc.host : "127.0.0.1",
		.port = vnc.port,
		.web_port = vnc.web ? vnc.web_port : 0,
		.auth = vnc.need_password ? "vnc" : "none",
	};
	while (vnc_viewer(info->clients))
		info->clients++;
	return true;
}

const char *vnc_set_password(const char *password)
{
	if (!vnc.said)
		return "there is no VNC server";
	if (!vnc.need_password)
		return "VNC was started without a password; -vnc ...,password=on asks for one";
	memset(vnc.password, 0, sizeof(vnc.password));
	vnc.have_password = password != NULL;
	/* The protocol's DES key has room for eight characters; all servers cut there. */
	if (password)
		memcpy(vnc.password, password, strnlen(password, sizeof(vnc.password) - 1));
	return NULL;
}

const char *vnc_expire_password(int64_t when)
{
	if (!vnc.said || !vnc.need_password)
		return "there is no VNC server that asks for a password";
	vnc.expires = when;
	return NULL;
}

static const struct option options[] = {
	{ "vnc", "[HOST]:N[,password=on][,password-secret=ID][,websocket=on|PORT][,to=N][,share=POLICY]",
	  "screen for VNC viewers, on port 5900+N (of loopback without HOST); or none", parse_vnc },
};

static const struct option_group group = {
	.title = "VNC",
	.order = ORDER_DISPLAY,
	.options = options,
	.nr = ARRAY_SIZE(options),
	.open = vnc_open,
	.start = vnc_start,
};
OPTIONS_REGISTER(group);
