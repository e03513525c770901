/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VNC, as the monitor sees it. With the machine lock held.
 */
#ifndef ANYKVM_HOST_DISPLAY_VNC_H
#define ANYKVM_HOST_DISPLAY_VNC_H

#include <stdbool.h>
#include <stdint.h>

struct vnc_info {
	const char *host;		/* as asked for; "127.0.0.1" when nothing was said */
	unsigned int port, web_port;	/* web_port 0: no websocket */
	const char *auth;		/* "none", "vnc" */
	unsigned int clients;
};

/* -vnc ARGUMENT, -display vnc=ARGUMENT */
void vnc_option(const char *option, const char *val);

/* False: there is no VNC server. */
bool vnc_info(struct vnc_info *info);
/* One end of a viewer's connection, in numbers. */
struct vnc_end {
	char host[64], service[8];
	const char *family;		/* "ipv4", "ipv6" */
};
struct vnc_viewer {
	struct vnc_end viewer, server;
	bool websocket;
};
/* The @n-th; NULL: no more. */
const struct vnc_viewer *vnc_viewer(unsigned int n);

/*
 * What a viewer must know from now on; those that are connected stay. NULL: nobody comes in. Returns
 * NULL or what is wrong.
 */
const char *vnc_set_password(const char *password);
/* No new viewer from @when on, in seconds since 1970; -1: it does not end. */
const char *vnc_expire_password(int64_t when);

#endif
