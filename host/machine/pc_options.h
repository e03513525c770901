/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the user asks of the PC itself.
 */
#ifndef ANYKVM_HOST_MACHINE_PC_OPTIONS_H
#define ANYKVM_HOST_MACHINE_PC_OPTIONS_H

#include <stdbool.h>

#include "devices/pc/rtc.h"
#include "host/keyval.h"

#define PC_MAX_FW_CFG 32
#define PC_MAX_ROMS 16
/* Where firmware looks for option ROMs in fw_cfg. */
#define PC_ROM_DIR "genroms/"

/* What the clock shows at first. */
enum pc_rtc_base { RTC_UTC, RTC_LOCALTIME, RTC_DATE };

enum pc_vga { VGA_STD, VGA_CIRRUS, VGA_NONE };

struct pc_fw_cfg_word {
	const char *name, *file, *string;
};

struct pc_option_rom {
	const char *path, *name;
	int32_t bootindex;		/* -1: none */
};

struct pc_options {
	const char *bios;		/* -bios; NULL: the usual one */
	enum pc_vga vga;
	const char *debugcon;		/* back end of the debug console; NULL: none */
	bool vga_given, nodefaults;
	const char *boot_order, *boot_once;	/* letters of a, c, d, n; NULL: not said */
	bool boot_menu, boot_strict;
	int boot_menu_ms;			/* how long it waits; -1: firmware's own */
	int reboot_ms;				/* before another try; -1: there is none */
	struct pc_fw_cfg_word fw_cfg[PC_MAX_FW_CFG];
	unsigned int nr_fw_cfg;
	struct pc_option_rom rom[PC_MAX_ROMS];
	unsigned int nr_roms;
	enum rtc_clock rtc_clock;
	enum pc_rtc_base rtc_base;
	int64_t rtc_date;			/* seconds since 1970, of RTC_DATE */
};

extern struct pc_options pc_options;

/* How far the clock is ahead of UTC now, in nanoseconds, as -rtc asks. */
int64_t pc_rtc_ahead(void);

#endif
