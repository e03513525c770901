// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The mouse (IBM PS/2 Hardware Interface Technical Reference, "Mouse"), with Microsoft's extensions
 * for a wheel (IntelliMouse, id 3) and five buttons (IntelliMouse Explorer, id 4), which a driver
 * asks for by a knock of three sample rates.
 *
 * Motion gathers until there is room for a packet; the sample rate is kept and not used.
 */
#include "devices/input/ps2.h"

enum {
	CMD_SCALE_1 = 0xe6, CMD_SCALE_2 = 0xe7, CMD_RESOLUTION = 0xe8, CMD_STATUS = 0xe9,
	CMD_STREAM = 0xea, CMD_READ = 0xeb, CMD_WRAP_OFF = 0xec, CMD_WRAP = 0xee, CMD_REMOTE = 0xf0,
	CMD_ID = 0xf2, CMD_RATE = 0xf3, CMD_ENABLE = 0xf4, CMD_DISABLE = 0xf5, CMD_DEFAULTS = 0xf6,
	CMD_RESEND = 0xfe, CMD_RESET = 0xff,
};

#define STATUS_REMOTE	0x40
#define STATUS_ENABLED	0x20
#define STATUS_SCALE_2	0x10

#define PACKET_ONE	0x08
#define PACKET_X_SIGN	0x10
#define PACKET_Y_SIGN	0x20

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

/* 2:1 scaling is for motion that is reported by itself (section "Mouse Scaling"). */
static int scale(const struct ps2_mouse *m, int v)
{
	static const int small[] = { 0, 1, 1, 3, 6, 9 };
	int a = v < 0 ? -v : v;

	if (!m->scaling || m->remote)
		return v;
	a = a < 6 ? small[a] : 2 * a;
	return v < 0 ? -a : a;
}

/* What fits into one packet goes; the rest of a long way stays for the next. */
static bool send_packet(struct ps2_mouse *m, bool acknowledge)
{
	int dx = clamp(m->dx, -127, 127), dy = clamp(m->dy, -127, 127), dz = clamp(m->dz, -8, 7);
	int sx = clamp(scale(m, dx), -255, 255), sy = clamp(scale(m, dy), -255, 255);
	uint8_t p[5];
	unsigned int n = 0;

	if (acknowledge)
		p[n++] = PS2_ACK;
	p[n++] = (uint8_t)((m->buttons & 7) | PACKET_ONE | (sx < 0 ? PACKET_X_SIGN : 0) |
			   (sy < 0 ? PACKET_Y_SIGN : 0));
	p[n++] = (uint8_t)sx;
	p[n++] = (uint8_t)sy;
	if (m->id == 3)
		p[n++] = (uint8_t)dz;
	else if (m->id == 4)
		p[n++] = (uint8_t)((dz & 0x0f) | (m->buttons & 0x18) << 1);
	if (!ps2_send(&m->line, p, n))
		return false;
	m->dx -= dx;
	m->dy -= dy;
	m->dz -= dz;
	m->told_buttons = m->buttons;
	return true;
}

static bool something_to_tell(const struct ps2_mouse *m)
{
	return m->dx || m->dy || (m->id && m->dz) || m->buttons != m->told_buttons;
}

void ps2_mouse_room(struct ps2_mouse *m)
{
	/* A packet at a time: what gathers meanwhile goes into the next one. */
	if (m->reporting && !m->remote && !m->wrap && !ps2_waits(&m->line) && something_to_tell(m))
		send_packet(m, false);
}

static void move(void *arg, int dx, int dy, int dz, unsigned int buttons)
{
	struct ps2_mouse *m = arg;

	m->dx = clamp(m->dx + clamp(dx, -4096, 4096), -4096, 4096);
	m->dy = clamp(m->dy - clamp(dy, -4096, 4096), -4096, 4096);
	m->dz = clamp(m->dz - clamp(dz, -64, 64), -64, 64);
	m->buttons = buttons & 0x1f;
	ps2_mouse_room(m);
}

static void forget_motion(struct ps2_mouse *m)
{
	m->dx = m->dy = m->dz = 0;
	m->told_buttons = m->buttons;
}

static void defaults(struct ps2_mouse *m)
{
	m->rate = 100;
	m->resolution = 2;
	m->scaling = m->reporting = m->remote = m->wrap = false;
	m->command = 0;
	forget_motion(m);
}

static void sample_rate(struct ps2_mouse *m, uint8_t rate)
{
	m->rate = rate;
	m->knock[0] = m->knock[1];
	m->knock[1] = m->knock[2];
	m->knock[2] = rate;
	if (m->knock[0] == 200 && m->knock[1] == 100 && rate == 80)
		m->id = 3;
	else if (m->knock[0] == 200 && m->knock[1] == 200 && rate == 80)
		m->id = 4;
}

static void send_status(struct ps2_mouse *m)
{
	const uint8_t bytes[] = {
		PS2_ACK,
		(uint8_t)((m->remote ? STATUS_REMOTE : 0) | (m->reporting ? STATUS_ENABLED : 0) |
			  (m->scaling ? STATUS_SCALE_2 : 0) | (m->buttons & 1) << 2 |
			  (m->buttons & 4) >> 1 | (m->buttons & 2) >> 1),
		m->resolution, m->rate,
	};

	ps2_send(&m->line, bytes, sizeof(bytes));
}

static void data(struct ps2_mouse *m, uint8_t command, uint8_t byte)
{
	if (command == CMD_RATE)
		sample_rate(m, byte);
	else
		m->resolution = byte & 3;
	ps2_send_byte(&m->line, PS2_ACK);
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte)
{
	uint8_t command = m->command;

	m->command = 0;
	if (m->wrap && byte != CMD_RESET && byte != CMD_WRAP_OFF) {
		ps2_send_byte(&m->line, byte);
		return;
	}
	if (command) {
		data(m, command, byte);
		return;
	}
	if (byte != CMD_RESEND)
		ps2_clear(&m->line);
	switch (byte) {
	case CMD_SCALE_1: case CMD_SCALE_2:
		m->scaling = byte == CMD_SCALE_2;
		break;
	case CMD_RESOLUTION: case CMD_RATE:
		m->command = byte;
		break;
	case CMD_STATUS:
		send_status(m);
		return;
	case CMD_STREAM: case CMD_REMOTE:
		m->remote = byte == CMD_REMOTE;
		forget_motion(m);
		break;
	case CMD_READ:
		send_packet(m, true);
		return;
	case CMD_WRAP: case CMD_WRAP_OFF:
		m->wrap = byte == CMD_WRAP;
		break;
	case CMD_ID:
		ps2_send(&m->line, (const uint8_t[]){ PS2_ACK, m->id }, 2);
		return;
	case CMD_ENABLE: case CMD_DISABLE:
		m->reporting = byte == CMD_ENABLE;
		forget_motion(m);
		break;
	case CMD_DEFAULTS:
		defaults(m);
		break;
	case CMD_RESEND:
		ps2_send_byte(&m->line, m->line.last);
		return;
	case CMD_RESET:
		ps2_mouse_reset(m);
		ps2_send(&m->line, (const uint8_t[]){ PS2_ACK, PS2_TEST_OK, m->id }, 3);
		return;
	default:
		ps2_send_byte(&m->line, PS2_RESEND);
		return;
	}
	ps2_send_byte(&m->line, PS2_ACK);
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
	m->id = 0;
	m->knock[0] = m->knock[1] = m->knock[2] = 0;
	m->buttons = 0;
	defaults(m);
	ps2_clear(&m->line);
}

void ps2_mouse_init(struct ps2_mouse *m, void (*ready)(void *arg), void *arg)
{
	m->line.ready = ready;
	m->line.arg = arg;
	m->in.name = "PS/2 mouse";
	m->in.move = move;
	m->in.arg = m;
	input_attach_pointer(&m->in);
}

void ps2_mouse_end(struct ps2_mouse *m)
{
	input_detach_pointer(&m->in);
}
