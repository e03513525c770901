/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the VNC server: vnc.c is what was asked for, vnc_listen.c the way in, vnc_server.c
 * the thread with libvncserver and the picture, vnc_input.c keys and pointers, vnc_library.c where
 * libvncserver comes from.
 */
#ifndef ANYKVM_HOST_DISPLAY_VNC_INTERNAL_H
#define ANYKVM_HOST_DISPLAY_VNC_INTERNAL_H

#include <poll.h>
#include <rfb/rfb.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/display/display.h"
#include "host/display/vnc.h"
#include "host/input/input.h"
#include "host/options.h"

#define VNC_MAX_CLIENTS 16u

enum vnc_share { VNC_ALLOW_EXCLUSIVE, VNC_FORCE_SHARED, VNC_IGNORE };

/* Fixed before the thread begins; password and expiry: under the machine lock. */
struct vnc {
	char *said;			/* the argument, for messages */
	char *host;			/* NULL: loopback */
	unsigned int port, last_port, web_port;
	bool web, need_password, lossy;
	enum vnc_share share;
	int listen_fd[4];
	bool listen_web[4];
	unsigned int nr_listen;

	char password[9];		/* VNC has eight characters */
	bool have_password;
	int64_t expires;		/* seconds since 1970, -1: never */

	struct display *display;
	struct display_viewer viewer;
	int wake_fd;
	const struct config *config;
	rfbScreenInfoPtr screen;
};

extern struct vnc vnc;

/* One viewer, in rfbClientRec.clientData. */
struct vnc_client {
	bool extended_keys, motion, leds;	/* pseudo encodings that it takes */
	bool told_absolute, told_motion;
	unsigned int told_leds;
	int last_x, last_y;
	unsigned int last_mask;
	bool have_last;
	uint8_t down[INPUT_KEYS / 8];
	bool told_ready;			/* VNC_INITIALIZED has been sent */
	struct vnc_viewer who;
};

/* vnc_library.c: before any function of <rfb/rfb.h>; dies when it cannot */
void vnc_library_open(void);
void vnc_library_client_wait(int ms);	/* rfbMaxClientWait */

/* vnc_listen.c */
void vnc_listen(void);			/* dies when it cannot */
/* Descriptors to wait for besides the viewers' own; @timeout in milliseconds is made shorter. */
unsigned int vnc_listen_poll(struct pollfd *p, unsigned int max, int *timeout);
/* Whoever knocked: the next one that may come in, or -1. */
int vnc_listen_next(void);

/* vnc_server.c */
void vnc_server_start(void);
void vnc_wake(void);

/* vnc_input.c; @cl's thread is the server's */
void vnc_input_init(rfbScreenInfoPtr screen);
void vnc_input_gone(struct vnc_client *c);
/* Tell it what has changed: kind of pointer, lights. */
void vnc_input_tell(rfbClientPtr cl);

#endif
