// SPDX-License-Identifier: LGPL-2.1-or-later
/* IBM PS/2 Hardware Interface Technical Reference: the queue of a PS/2 device. See ps2.h. */
#include "devices/input/ps2.h"

bool ps2_send(struct ps2_line *line, const uint8_t *bytes, unsigned int n)
{
	if (n > PS2_QUEUE - line->len)
		return false;
	while (n--)
		line->data[(line->at + line->len++) % PS2_QUEUE] = *bytes++;
	line->ready(line->arg);
	return true;
}

void ps2_send_byte(struct ps2_line *line, uint8_t byte)
{
	ps2_send(line, &byte, 1);
}

void ps2_clear(struct ps2_line *line)
{
	line->at = line->len = 0;
}

bool ps2_waits(const struct ps2_line *line)
{
	return line->len != 0;
}

uint8_t ps2_take(struct ps2_line *line)
{
	line->last = line->data[line->at];
	line->at = (line->at + 1) % PS2_QUEUE;
	line->len--;
	return line->last;
}
