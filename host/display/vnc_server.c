// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The VNC server's thread, and the picture in it.
 *
 * libvncserver waits for a viewer that is slow, with its send() and its receive(): in the event loop
 * that would stop the guest. So all of the library runs in one thread of its own, and the guest never
 * waits for more than a look at the pixels: the event loop only notes which tiles have changed, and
 * the thread, holding the machine lock, compares those tiles with the picture it has and copies what
 * differs. A viewer that stalls delays other viewers, for CLIENT_WAIT at most, and nobody else.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/display/vnc.h"
#include "host/display/vnc_internal.h"
#include "host/event.h"
#include "host/loop.h"
#include "host/options.h"
#include "host/report.h"
#include "host/thread.h"

#define CLIENT_WAIT 3000		/* ms */
#define LOOK_AGAIN 200			/* ms: lights and kind of pointer */
#define TILE_W 64u
#define TILE_H 16u
#define TILES_X (DISPLAY_MAX_WIDTH / TILE_W)
#define TILES_Y (DISPLAY_MAX_HEIGHT / TILE_H)
#define BYTES_MAX ((size_t)DISPLAY_MAX_WIDTH * DISPLAY_MAX_HEIGHT * sizeof(uint32_t))

/* Under the machine lock. */
static uint64_t dirty[TILES_Y];		/* a bit a tile of the row */
static bool resized, woken;
static const struct surface *surface;	/* the same for the display's life */
static struct { int x, y; unsigned int width, height; } last_cursor;
static struct vnc_client *clients[VNC_MAX_CLIENTS];

/* The thread's. */
static uint32_t *picture;
static unsigned int width, height;

static_assert(TILES_X <= 64, "a row of tiles is one word");

void vnc_wake(void)
{
	uint64_t one = 1;

	if (woken)
		return;
	woken = true;
	while (write(vnc.wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* --- the event loop's end --- */

static void mark(unsigned int x, unsigned int y, unsigned int w, unsigned int h)
{
	unsigned int row, first, last;
	uint64_t bits;

	if (!w || !h || x >= DISPLAY_MAX_WIDTH || y >= DISPLAY_MAX_HEIGHT)
		return;
	if (w > DISPLAY_MAX_WIDTH - x)
		w = DISPLAY_MAX_WIDTH - x;
	if (h > DISPLAY_MAX_HEIGHT - y)
		h = DISPLAY_MAX_HEIGHT - y;
	first = x / TILE_W;
	last = (x + w - 1) / TILE_W;
	bits = (~0ull >> (63 - (last - first))) << first;
	for (row = y / TILE_H; row <= (y + h - 1) / TILE_H; row++)
		dirty[row] |= bits;
	vnc_wake();
}

static void on_changed(struct display_viewer *v, unsigned int x, unsigned int y, unsigned int w,
		       unsigned int h)
{
	(void)v;
	mark(x, y, w, h);
}

static void on_resized(struct display_viewer *v, const struct surface *s)
{
	(void)v;
	surface = s;
	resized = true;
	mark(0, 0, s->width, s->height);
}

/* A rectangle that may begin left of or above the screen. */
static void mark_cursor(void)
{
	int64_t right = (int64_t)last_cursor.x + last_cursor.width;
	int64_t bottom = (int64_t)last_cursor.y + last_cursor.height;
	unsigned int x = last_cursor.x < 0 ? 0 : (unsigned int)last_cursor.x;
	unsigned int y = last_cursor.y < 0 ? 0 : (unsigned int)last_cursor.y;

	if (right > x && bottom > y)
		mark(x, y, (unsigned int)(right - x), (unsigned int)(bottom - y));
}

static void on_cursor(struct display_viewer *v)
{
	const struct display_cursor *c = display_cursor(vnc.display);

	(void)v;
	mark_cursor();
	if (!c || !c->visible) {
		last_cursor.width = 0;
		return;
	}
	last_cursor.x = c->x - (int)c->hot_x;
	last_cursor.y = c->y - (int)c->hot_y;
	last_cursor.width = c->width;
	last_cursor.height = c->height;
	mark_cursor();
}

/* --- the picture --- */

/* Under the machine lock. Whether the tile differed. */
static bool copy_tile(const struct surface *s, unsigned int x, unsigned int y)
{
	unsigned int w = s->width - x < TILE_W ? s->width - x : TILE_W;
	unsigned int end = s->height - y < TILE_H ? s->height : y + TILE_H;
	uint32_t row[TILE_W];
	bool differs = false;

	for (; y < end; y++) {
		uint32_t *to = picture + (size_t)y * s->width + x;

		memcpy(row, s->pixels + (size_t)y * (s->stride / sizeof(*row)) + x, w * sizeof(*row));
		display_blend_cursor(vnc.display, row, x, y, w);
		if (memcmp(to, row, w * sizeof(*row))) {
			memcpy(to, row, w * sizeof(*row));
			differs = true;
		}
	}
	return differs;
}

/* Runs of bits become rectangles. */
static void tell_library(const uint64_t *changed)
{
	unsigned int row, x, end;

	for (row = 0; row < TILES_Y; row++)
		for (x = 0; x < TILES_X && changed[row] >> x; x = end) {
			x += (unsigned int)__builtin_ctzll(changed[row] >> x);
			for (end = x; end < TILES_X && changed[row] >> end & 1; end++)
				;
			rfbMarkRectAsModified(vnc.screen, (int)(x * TILE_W), (int)(row * TILE_H),
					      (int)(end * TILE_W < width ? end * TILE_W : width),
					      (int)((row + 1) * TILE_H < height ?
						    (row + 1) * TILE_H : height));
		}
}

/* The library's own order of colours is the other one. */
static void set_format(rfbScreenInfoPtr screen)
{
	screen->serverFormat.redShift = 16;
	screen->serverFormat.greenShift = 8;
	screen->serverFormat.blueShift = 0;
	screen->serverFormat.depth = 24;
}

static void new_size(void)
{
	rfbClientIteratorPtr it;
	rfbClientPtr cl;

	rfbNewFramebuffer(vnc.screen, (char *)picture, (int)width, (int)height, 8, 3, 4);
	set_format(vnc.screen);
	it = rfbGetClientIterator(vnc.screen);
	while ((cl = rfbClientIteratorNext(it))) {
		struct vnc_client *c = cl->clientData;

		if (c)
			c->have_last = false;
		/* It would get pixels outside of the screen that it knows. */
		if (cl->state == RFB_NORMAL && !cl->useNewFBSize)
			rfbCloseClient(cl);
		else
			vnc.screen->setTranslateFunction(cl);
	}
	rfbReleaseClientIterator(it);
}

/* Bring the picture up to date. */
static void sync_picture(void)
{
	uint64_t changed[TILES_Y] = { 0 };
	const struct surface *s = surface;
	bool new = false;
	unsigned int row, x;

	machine_lock();
	woken = false;
	if (vnc.viewer.looking) {
		if (resized) {
			new = s->width != width || s->height != height;
			width = s->width;
			height = s->height;
			resized = false;
		}
		for (row = 0; row < TILES_Y && row * TILE_H < s->height; row++)
			for (x = 0; dirty[row] && x < TILES_X && x * TILE_W < s->width; x++)
				if (dirty[row] >> x & 1 && copy_tile(s, x * TILE_W, row * TILE_H))
					changed[row] |= 1ull << x;
		memset(dirty, 0, sizeof(dirty));
	}
	machine_unlock();
	if (new)
		new_size();
	else
		tell_library(changed);
}

/* --- viewers --- */

/* Under the machine lock. */
static unsigned int nr_clients(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < VNC_MAX_CLIENTS; i++)
		n += clients[i] != NULL;
	return n;
}

/* Under the machine lock. */
static void tell_manager(const char *event, const struct vnc_viewer *who)
{
	const struct vnc_end *s = &who->server, *v = &who->viewer;

	event_send(event, EVENT_STR("server.host", s->host), EVENT_STR("server.service", s->service),
		   EVENT_STR("server.family", s->family), EVENT_BOOL("server.websocket", who->websocket),
		   EVENT_STR("server.auth", vnc.need_password ? "vnc" : "none"),
		   EVENT_STR("client.host", v->host), EVENT_STR("client.service", v->service),
		   EVENT_STR("client.family", v->family), EVENT_BOOL("client.websocket", who->websocket));
}

/* Viewers that have answered all questions since the last look. */
static void tell_ready(void)
{
	rfbClientIteratorPtr it = rfbGetClientIterator(vnc.screen);
	rfbClientPtr cl;

	while ((cl = rfbClientIteratorNext(it))) {
		struct vnc_client *c = cl->clientData;

		if (!c || c->told_ready || cl->state != RFB_NORMAL)
			continue;
		c->told_ready = true;
		machine_lock();
		tell_manager("VNC_INITIALIZED", &c->who);
		machine_unlock();
	}
	rfbReleaseClientIterator(it);
}

static void gone(rfbClientPtr cl)
{
	struct vnc_client *c = cl->clientData;
	unsigned int i;

	vnc_input_gone(c);
	machine_lock();
	tell_manager("VNC_DISCONNECTED", &c->who);
	for (i = 0; i < VNC_MAX_CLIENTS; i++)
		if (clients[i] == c)
			clients[i] = NULL;
	vnc.viewer.looking = nr_clients() > 0;
	machine_unlock();
	cl->clientData = NULL;
	free(c);
}

typedef int (*end_of)(int fd, struct sockaddr *addr, socklen_t *len);

static void look_at_end(int fd, end_of fn, struct vnc_end *e)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);

	e->family = "unknown";
	if (fn(fd, (struct sockaddr *)&a, &len) ||
	    getnameinfo((struct sockaddr *)&a, len, e->host, sizeof(e->host), e->service,
			sizeof(e->service), NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	e->family = a.ss_family == AF_INET6 ? "ipv6" : "ipv4";
}

static enum rfbNewClientAction came(rfbClientPtr cl)
{
	struct vnc_client *c = calloc(1, sizeof(*c));
	unsigned int i;

	if (!c)
		return RFB_CLIENT_REFUSE;
	look_at_end(cl->sock, getpeername, &c->who.viewer);
	look_at_end(cl->sock, getsockname, &c->who.server);
	c->who.websocket = cl->wsctx;
	machine_lock();
	for (i = 0; i < VNC_MAX_CLIENTS && clients[i]; i++)
		;
	if (i < VNC_MAX_CLIENTS) {
		clients[i] = c;
		tell_manager("VNC_CONNECTED", &c->who);
	}
	machine_unlock();
	if (i == VNC_MAX_CLIENTS) {
		free(c);
		return RFB_CLIENT_REFUSE;
	}
	cl->clientData = c;
	cl->clientGoneHook = gone;
	return RFB_CLIENT_ACCEPT;
}

/* The library tells a new viewer the size at once: look before it does. */
static void let_in(int fd)
{
	machine_lock();
	vnc.viewer.looking = true;
	surface = display_look(vnc.display);
	resized = true;
	mark(0, 0, surface->width, surface->height);
	display_refresh(vnc.display);
	machine_unlock();
	sync_picture();
	rfbNewClient(vnc.screen, fd);
	machine_lock();
	vnc.viewer.looking = nr_clients() > 0;
	machine_unlock();
}

static rfbBool password_fits(rfbClientPtr cl, const char *response, int len)
{
	uint8_t expected[CHALLENGESIZE];
	char password[sizeof(vnc.password)];
	bool may;

	machine_lock();
	may = vnc.have_password && (vnc.expires < 0 || time(NULL) < vnc.expires);
	memcpy(password, vnc.password, sizeof(password));
	machine_unlock();
	if (!may || len != CHALLENGESIZE)
		return FALSE;
	memcpy(expected, cl->authChallenge, CHALLENGESIZE);
	rfbEncryptBytes(expected, password);
	return !memcmp(expected, response, CHALLENGESIZE);
}

/* --- the thread --- */

static unsigned int client_fds(struct pollfd *p, unsigned int max, int *timeout)
{
	rfbClientIteratorPtr it = rfbGetClientIterator(vnc.screen);
	unsigned int n = 0;
	rfbClientPtr cl;

	while ((cl = rfbClientIteratorNext(it)) && n < max) {
		const struct vnc_client *c = cl->clientData;

		p[n++] = (struct pollfd){ .fd = cl->sock, .events = POLLIN };
		if (c && (c->leds || c->motion) && (*timeout < 0 || *timeout > LOOK_AGAIN))
			*timeout = LOOK_AGAIN;
	}
	rfbReleaseClientIterator(it);
	return n;
}

static void tell_clients(void)
{
	rfbClientIteratorPtr it = rfbGetClientIterator(vnc.screen);
	rfbClientPtr cl;

	while ((cl = rfbClientIteratorNext(it))) {
		/* Nobody asked to have the viewer's own pointer moved. */
		cl->cursorWasMoved = FALSE;
		vnc_input_tell(cl);
	}
	rfbReleaseClientIterator(it);
}

static void *server(void *arg)
{
	struct pollfd p[1 + ARRAY_SIZE(vnc.listen_fd) + VNC_MAX_CLIENTS + 1];
	uint64_t count;

	(void)arg;
	for (;;) {
		int timeout = -1, fd;
		unsigned int n = 1;

		p[0] = (struct pollfd){ .fd = vnc.wake_fd, .events = POLLIN };
		n += vnc_listen_poll(p + n, ARRAY_SIZE(vnc.listen_fd), &timeout);
		n += client_fds(p + n, ARRAY_SIZE(p) - n, &timeout);
		if (poll(p, n, timeout) < 0 && errno != EINTR)
			break;
		while (read(vnc.wake_fd, &count, sizeof(count)) > 0)
			;
		while ((fd = vnc_listen_next()) >= 0)
			let_in(fd);
		sync_picture();
		tell_clients();
		rfbProcessEvents(vnc.screen, 0);
		tell_ready();
	}
	return NULL;
}

/* For viewers that draw the pointer themselves; the guest's own is in the picture. */
static rfbCursorPtr dot(rfbClientPtr cl)
{
	static rfbCursorPtr cursor;

	(void)cl;
	if (!cursor)
		cursor = rfbMakeXCursor(5, 5, "      xxx  xxx  xxx      ",
					"xxxxxxxxxxxxxxxxxxxxxxxxx");
	if (cursor)
		cursor->xhot = cursor->yhot = 2;
	return cursor;
}

static void make_screen(void)
{
	const struct config *cfg = vnc.config;
	rfbScreenInfoPtr s;
	char name[128];

	rfbLogEnable(0);
	vnc_library_client_wait(CLIENT_WAIT);
	s = rfbGetScreen(NULL, NULL, (int)width, (int)height, 8, 3, 4);
	if (!s)
		die("-vnc %s: out of memory", vnc.said);
	snprintf(name, sizeof(name), "%s%s%s", cfg->name ? "anykvm (" : "anykvm",
		 cfg->name ? cfg->name : "", cfg->name ? ")" : "");
	s->desktopName = strdup(name);
	s->frameBuffer = (char *)picture;
	set_format(s);
	s->port = 0;
	s->ipv6port = 0;
	s->cursor = NULL;
	s->getCursorPtr = dot;
	s->deferUpdateTime = 0;
	s->newClientHook = came;
	s->alwaysShared = vnc.share == VNC_IGNORE;
	s->dontDisconnect = vnc.share == VNC_FORCE_SHARED;
	if (vnc.need_password) {
		s->authPasswdData = &vnc;
		s->passwordCheck = password_fits;
	}
	vnc.screen = s;
	vnc_input_init(s);
	rfbInitServer(s);
}

void vnc_server_start(void)
{
	picture = mmap(NULL, BYTES_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vnc.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (picture == MAP_FAILED || vnc.wake_fd < 0)
		die("-vnc %s: %s", vnc.said, strerror(errno));
	surface = display_look(vnc.display);
	width = surface->width;
	height = surface->height;
	make_screen();
	vnc.viewer = (struct display_viewer){
		.resized = on_resized, .changed = on_changed, .cursor = on_cursor,
	};
	display_attach(vnc.display, &vnc.viewer);
	if (!thread_start("vnc", 0, server))
		die("-vnc %s: no thread for the server", vnc.said);
}

/* --- for the monitor --- */

const struct vnc_viewer *vnc_viewer(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < VNC_MAX_CLIENTS; i++)
		if (clients[i] && !n--)
			return &clients[i]->who;
	return NULL;
}
