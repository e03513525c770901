// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What VNC's viewers type and point at.
 *
 * A viewer that knows the extended key event (pseudo encoding -258, message 255) says which key it
 * is, as a scan code of set 1, and the guest's layout makes the letter. From any other come X
 * keysyms, letters: they are found on a US keyboard, and Shift is pressed or let go around a letter
 * where the viewer's layout has it otherwise.
 *
 * A pointer event has a place. A tablet wants that; a mouse gets the way from the last one, or, from
 * a viewer that knows pseudo encoding -257, the way alone.
 */
#include <arpa/inet.h>
#include <linux/input-event-codes.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/display/vnc_internal.h"
#include "host/loop.h"

#define ENC_POINTER_MOTION (-257)
#define ENC_EXTENDED_KEYS (-258)
#define ENC_LEDS (-261)
#define MSG_EXTENDED 255
#define MOTION_CENTER 0x7fff

static uint8_t held[INPUT_KEYS];	/* by how many viewers */

static bool is_down(unsigned int code)
{
	return held[code] != 0;
}

static void press(struct vnc_client *c, unsigned int code, bool down)
{
	uint8_t bit = (uint8_t)(1u << code % 8), *at = &c->down[code / 8];

	if (!code || code >= INPUT_KEYS)
		return;
	if (down) {
		held[code] = (uint8_t)(held[code] + !(*at & bit));
		*at |= bit;
		input_press(code, true);
	} else if (*at & bit) {
		*at &= (uint8_t)~bit;
		if (!--held[code])
			input_press(code, false);
	}
}

void vnc_input_gone(struct vnc_client *c)
{
	unsigned int code;

	machine_lock();
	for (code = 1; code < INPUT_KEYS; code++)
		press(c, code, false);
	machine_unlock();
}

/* A letter comes; @shift: it needs Shift on a US keyboard. */
static void press_letter(struct vnc_client *c, unsigned int code, bool shift)
{
	static const unsigned int shifts[] = { KEY_LEFTSHIFT, KEY_RIGHTSHIFT };
	bool have = is_down(KEY_LEFTSHIFT) || is_down(KEY_RIGHTSHIFT);
	unsigned int i;

	if (have == shift) {
		press(c, code, true);
		return;
	}
	if (shift)
		input_press(KEY_LEFTSHIFT, true);
	else
		for (i = 0; i < ARRAY_SIZE(shifts); i++)
			if (is_down(shifts[i]))
				input_press(shifts[i], false);
	press(c, code, true);
	if (shift)
		input_press(KEY_LEFTSHIFT, false);
	else
		for (i = 0; i < ARRAY_SIZE(shifts); i++)
			if (is_down(shifts[i]))
				input_press(shifts[i], true);
}

static bool is_letter(uint32_t keysym)
{
	return (keysym | 0x20) >= 'a' && (keysym | 0x20) <= 'z';
}

static bool chord(void)
{
	return is_down(KEY_LEFTCTRL) || is_down(KEY_RIGHTCTRL) || is_down(KEY_LEFTALT) ||
	       is_down(KEY_RIGHTALT) || is_down(KEY_LEFTMETA) || is_down(KEY_RIGHTMETA);
}

static void keysym_event(rfbBool down, rfbKeySym keysym, rfbClientPtr cl)
{
	struct vnc_client *c = cl->clientData;
	bool shift;
	unsigned int code = input_key_by_keysym(keysym, &shift);

	if (!c || !code)
		return;
	machine_lock();
	/* With Caps Lock on, the guest itself turns letters round. */
	if (is_letter(keysym) && (input_leds() & 4))
		shift = !shift;
	if (down && keysym > 0x20 && keysym < 0x7f && !chord())
		press_letter(c, code, shift);
	else
		press(c, code, down);
	machine_unlock();
}

/* --- pointers --- */

static int scaled(int at, int size)
{
	if (at < 0 || size < 2)
		return 0;
	return at >= size ? INPUT_ABS_MAX : (int)((int64_t)at * INPUT_ABS_MAX / (size - 1));
}

static void pointer_event(int mask, int x, int y, rfbClientPtr cl)
{
	static const struct { unsigned int bit, button; } buttons[] = {
		{ 1, INPUT_LEFT }, { 2, INPUT_MIDDLE }, { 4, INPUT_RIGHT },
		{ 128, INPUT_SIDE },
	};
	struct vnc_client *c = cl->clientData;
	unsigned int i, now = 0, pressed;
	int dz, dx = 0, dy = 0;

	if (!c)
		return;
	pressed = (unsigned int)mask & ~c->last_mask;
	c->last_mask = (unsigned int)mask;
	for (i = 0; i < ARRAY_SIZE(buttons); i++)
		if ((unsigned int)mask & buttons[i].bit)
			now |= buttons[i].button;
	/* The wheel is buttons 4 and 5, a click a notch. */
	dz = (pressed & 8 ? 1 : 0) - (pressed & 16 ? 1 : 0);
	machine_lock();
	if (input_wants_places()) {
		input_place(scaled(x, cl->screen->width), scaled(y, cl->screen->height), dz, now);
	} else {
		if (c->told_motion && !c->told_absolute) {
			dx = x - MOTION_CENTER;
			dy = y - MOTION_CENTER;
		} else if (c->have_last) {
			dx = x - c->last_x;
			dy = y - c->last_y;
		}
		input_move(dx, dy, dz, now);
	}
	machine_unlock();
	c->last_x = x;
	c->last_y = y;
	c->have_last = true;
}

/* --- the extension --- */

/* A picture of one rectangle without pixels, which is how a server says such things. */
static void say(rfbClientPtr cl, int encoding, unsigned int x, const uint8_t *more, size_t len)
{
	uint8_t msg[20] = { 0, 0, 0, 1 };
	uint16_t word;
	uint32_t enc = htonl((uint32_t)encoding);

	word = htons((uint16_t)x);
	memcpy(msg + 4, &word, 2);
	word = htons((uint16_t)cl->screen->width);
	memcpy(msg + 8, &word, 2);
	word = htons((uint16_t)cl->screen->height);
	memcpy(msg + 10, &word, 2);
	memcpy(msg + 12, &enc, 4);
	if (len)
		memcpy(msg + 16, more, len);
	if (rfbWriteExact(cl, (char *)msg, (int)(16 + len)) < 0)
		rfbCloseClient(cl);
}

void vnc_input_tell(rfbClientPtr cl)
{
	struct vnc_client *c = cl->clientData;
	unsigned int leds;
	bool absolute;

	if (!c || cl->state != RFB_NORMAL || (!c->motion && !c->leds))
		return;
	machine_lock();
	absolute = input_wants_places();
	leds = input_leds();
	machine_unlock();
	if (c->motion && (!c->told_motion || c->told_absolute != absolute)) {
		c->told_motion = true;
		c->told_absolute = absolute;
		c->have_last = false;
		say(cl, ENC_POINTER_MOTION, absolute, NULL, 0);
	}
	if (c->leds && c->told_leds != leds && cl->sock >= 0) {
		uint8_t byte = (uint8_t)leds;

		c->told_leds = leds;
		say(cl, ENC_LEDS, 0, &byte, 1);
	}
}

static rfbBool new_client(rfbClientPtr cl, void **data)
{
	(void)cl;
	(void)data;
	return TRUE;
}

static rfbBool enable(rfbClientPtr cl, void **data, int encoding)
{
	struct vnc_client *c = cl->clientData;

	(void)data;
	if (!c)
		return FALSE;
	switch (encoding) {
	case ENC_EXTENDED_KEYS:
		if (!c->extended_keys) {
			c->extended_keys = true;
			say(cl, ENC_EXTENDED_KEYS, 0, NULL, 0);
		}
		return TRUE;
	case ENC_POINTER_MOTION:
		c->motion = true;
		return TRUE;
	case ENC_LEDS:
		c->leds = true;
		return TRUE;
	}
	return FALSE;
}

/* U8 255, U8 0, U16 down, U32 keysym, U32 scan code */
static rfbBool message(rfbClientPtr cl, void *data, const rfbClientToServerMsg *msg)
{
	struct vnc_client *c = cl->clientData;
	uint8_t rest[11];
	uint32_t keysym, number;
	unsigned int code;
	bool shift;
	int n;

	(void)data;
	if (msg->type != MSG_EXTENDED)
		return FALSE;
	n = rfbReadExact(cl, (char *)rest, sizeof(rest));
	/* There is another of these messages, for sound, which nobody offered. */
	if (n <= 0 || rest[0] || !c) {
		rfbCloseClient(cl);
		return TRUE;
	}
	memcpy(&keysym, rest + 3, 4);
	memcpy(&number, rest + 7, 4);
	code = input_key_by_set1(ntohl(number));
	if (!code)
		code = input_key_by_keysym(ntohl(keysym), &shift);
	machine_lock();
	press(c, code, rest[1] || rest[2]);
	machine_unlock();
	return TRUE;
}

static int encodings[] = { ENC_EXTENDED_KEYS, ENC_POINTER_MOTION, ENC_LEDS, 0 };

static rfbProtocolExtension extension = {
	.newClient = new_client,
	.pseudoEncodings = encodings,
	.enablePseudoEncoding = enable,
	.handleMessage = message,
};

void vnc_input_init(rfbScreenInfoPtr screen)
{
	screen->kbdAddEvent = keysym_event;
	screen->ptrAddEvent = pointer_event;
	screen->deferPtrUpdateTime = 0;
	rfbRegisterProtocolExtension(&extension);
}
