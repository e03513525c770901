// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * VESA Enhanced EDID standard, release A, revision 2 (structure 1.4): 128 bytes about a monitor.
 */
#include <stdio.h>
#include <string.h>

#include "devices/vga/edid.h"

#define REFRESH_HZ 60u
#define DPI 100u

static void put16(uint8_t *p, unsigned int val)
{
	p[0] = (uint8_t)val;
	p[1] = (uint8_t)(val >> 8);
}

/*
 * The detailed timing of the best mode. Its blanking is that of reduced-blanking timings: 160 dots
 * a line, and no less than 460 us a frame.
 */
static void detailed_timing(uint8_t *d, unsigned int width, unsigned int height)
{
	unsigned int h_blank = 160, h_front = 48, h_sync = 32;
	unsigned int v_blank = height * 30 / 1000 + 10, v_front = 3, v_sync = 6;
	unsigned int clock = (width + h_blank) * (height + v_blank) / 1000 * REFRESH_HZ;
	unsigned int mm_w = width * 254 / (10 * DPI), mm_h = height * 254 / (10 * DPI);

	put16(d, clock / 10);
	d[2] = (uint8_t)width;
	d[3] = (uint8_t)h_blank;
	d[4] = (uint8_t)((width >> 8) << 4 | h_blank >> 8);
	d[5] = (uint8_t)height;
	d[6] = (uint8_t)v_blank;
	d[7] = (uint8_t)((height >> 8) << 4 | v_blank >> 8);
	d[8] = (uint8_t)h_front;
	d[9] = (uint8_t)h_sync;
	d[10] = (uint8_t)(v_front << 4 | v_sync);
	d[11] = 0;
	d[12] = (uint8_t)mm_w;
	d[13] = (uint8_t)mm_h;
	d[14] = (uint8_t)((mm_w >> 8) << 4 | mm_h >> 8);
	d[17] = 0x18;	/* digital, separate sync */
}

static void text_descriptor(uint8_t *d, uint8_t tag, const char *text)
{
	size_t len = strlen(text);

	d[3] = tag;
	memset(d + 5, ' ', 13);
	memcpy(d + 5, text, len);
	if (len < 13)
		d[5 + len] = '\n';
}

static void range_limits(uint8_t *d)
{
	d[3] = 0xfd;
	d[5] = 50;	/* Hz, vertical */
	d[6] = 125;
	d[7] = 30;	/* kHz, horizontal */
	d[8] = 160;
	d[9] = 60;	/* 10 MHz of pixel clock */
	d[10] = 1;	/* these limits only */
	d[11] = '\n';
	memset(d + 12, ' ', 6);
}

static void standard_timings(uint8_t *p)
{
	static const struct { uint16_t width; uint8_t aspect; } modes[8] = {
		{ 2560, 0 }, { 1920, 3 }, { 1920, 0 }, { 1680, 0 }, { 1600, 1 }, { 1280, 2 },
		{ 1280, 3 }, { 1152, 1 },
	};
	unsigned int i;

	/* Aspects: 0 is 16:10, 1 is 4:3, 2 is 5:4, 3 is 16:9; then Hz less 60. */
	for (i = 0; i < 8; i++) {
		p[2 * i] = (uint8_t)(modes[i].width / 8 - 31);
		p[2 * i + 1] = (uint8_t)(modes[i].aspect << 6 | (REFRESH_HZ - 60));
	}
}

void edid_make(uint8_t edid[EDID_LEN], unsigned int width, unsigned int height)
{
	static const uint8_t head[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	/* The chromaticities of sRGB, ten bits each. */
	static const uint8_t srgb[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
	unsigned int i, sum = 0;

	memset(edid, 0, EDID_LEN);
	memcpy(edid, head, sizeof(head));
	/* The maker, five bits a letter, first letter uppermost: "AKV". */
	edid[8] = ('A' - 64) << 2 | ('K' - 64) >> 3;
	edid[9] = (uint8_t)(('K' - 64) << 5 | ('V' - 64));
	put16(edid + 10, 1);
	edid[16] = 1;		/* week, year since 1990 */
	edid[17] = 36;
	edid[18] = 1;		/* structure 1.4 */
	edid[19] = 4;
	edid[20] = 0xa5;	/* digital, 8 bits a colour, DisplayPort */
	edid[21] = (uint8_t)(width * 254 / (100 * DPI));	/* cm */
	edid[22] = (uint8_t)(height * 254 / (100 * DPI));
	edid[23] = 120;		/* gamma 2.2 */
	edid[24] = 0x06;	/* sRGB is the default, the first detailed timing is the best */
	memcpy(edid + 25, srgb, sizeof(srgb));
	edid[35] = 0x21;	/* 640x480, 800x600 at 60 Hz */
	edid[36] = 0x08;	/* 1024x768 at 60 Hz */
	standard_timings(edid + 38);
	detailed_timing(edid + 54, width, height);
	text_descriptor(edid + 72, 0xfc, "anykvm");
	range_limits(edid + 90);
	text_descriptor(edid + 108, 0xff, "0");
	for (i = 0; i < EDID_LEN - 1; i++)
		sum += edid[i];
	edid[EDID_LEN - 1] = (uint8_t)(256 - (sum & 0xff));
}
