// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The options that say what kind of PC it is and what its firmware is told.
 */
#include <string.h>
#include <time.h>

#include "host/accel.h"
#include "host/bus/bus.h"
#include "host/chardev.h"
#include "host/firmware.h"
#include "host/machine/pc_options.h"
#include "host/options.h"
#include "host/report.h"

struct pc_options pc_options = { .boot_menu_ms = -1, .reboot_ms = -1 };

static void parse_machine(struct config *cfg, const char *val)
{
	static const char *const names[] = { "pc", "pc-i440fx", NULL };
	struct keyval *kv = keyval_parse("-machine", val, "type");
	const char *accel, *bad;
	size_t len;

	keyval_take_enum(kv, "type", names, 0);
	accel = keyval_take(kv, "accel");
	if (accel) {
		if (!accel_list_valid(accel, &bad, &len))
			keyval_die(kv, "accel=%s: there are kvm and bt", accel);
		cfg->accel = strdup(accel);
		cfg->accel_chosen = true;
	}
	keyval_end(kv);
}

static void parse_bios(struct config *cfg, const char *val)
{
	(void)cfg;
	pc_options.bios = val;
}

static void parse_dir(struct config *cfg, const char *val)
{
	(void)cfg;
	firmware_add_dir(val);
}

static void parse_vga(struct config *cfg, const char *val)
{
	static const char *const names[] = { "std", "cirrus", "none", NULL };
	struct keyval *kv = keyval_parse("-vga", val, "type");

	(void)cfg;
	pc_options.vga = (enum pc_vga)keyval_take_enum(kv, "type", names, VGA_STD);
	pc_options.vga_given = true;
	keyval_end(kv);
}

static const char *boot_letters(struct keyval *kv, const char *key)
{
	const char *val = keyval_take(kv, key), *p;

	if (!val)
		return NULL;
	for (p = val; *p; p++)
		if (!strchr("acdn", *p) || strchr(p + 1, *p) || p - val > 2)
			keyval_die(kv, "%s=%s: must be up to three different letters of a (floppy), c (disk), d (CD), n (network)",
				   key, val);
	return strdup(val);
}

static int boot_ms(struct keyval *kv, const char *key)
{
	const char *val = keyval_take(kv, key);
	uint64_t ms;

	if (!val || !strcmp(val, "-1"))
		return -1;
	if (!parse_u64(val, &ms) || ms > 65535)
		keyval_die(kv, "%s=%s: must be from 0 to 65535 milliseconds, or -1 for none", key, val);
	return (int)ms;
}

static void parse_boot(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-boot", val, "order");

	(void)cfg;
	pc_options.boot_order = boot_letters(kv, "order");
	pc_options.boot_once = boot_letters(kv, "once");
	pc_options.boot_menu = keyval_take_bool(kv, "menu", false);
	pc_options.boot_menu_ms = boot_ms(kv, "splash-time");
	pc_options.reboot_ms = boot_ms(kv, "reboot-timeout");
	pc_options.boot_strict = keyval_take_bool(kv, "strict", false);
	keyval_end(kv);
}

/* YYYY-MM-DD, or with Thh:mm:ss. */
static bool parse_date(const char *s, int64_t *seconds)
{
	struct tm tm = { 0 }, again;
	const char *end = strptime(s, "%Y-%m-%d", &tm);
	time_t t;

	if (end && *end == 'T')
		end = strptime(end, "T%H:%M:%S", &tm);
	if (!end || *end)
		return false;
	again = tm;
	t = timegm(&again);
	/* There is no 30th of February, and a leap second the chip cannot show. */
	if (again.tm_mday != tm.tm_mday || again.tm_sec != tm.tm_sec)
		return false;
	*seconds = t;
	return true;
}

static void parse_rtc(struct config *cfg, const char *val)
{
	static const char *const clocks[] = {
		[RTC_CLOCK_HOST] = "host", [RTC_CLOCK_RT] = "rt", [RTC_CLOCK_VM] = "vm", NULL
	};
	static const char *const fixes[] = { "none", "slew", NULL };
	struct keyval *kv = keyval_parse("-rtc", val, NULL);
	const char *base = keyval_take(kv, "base");

	(void)cfg;
	if (!base || !strcmp(base, "utc"))
		pc_options.rtc_base = RTC_UTC;
	else if (!strcmp(base, "localtime"))
		pc_options.rtc_base = RTC_LOCALTIME;
	else if (parse_date(base, &pc_options.rtc_date))
		pc_options.rtc_base = RTC_DATE;
	else
		keyval_die(kv, "base=%s: must be utc, localtime, or a date like 2006-06-17 or 2006-06-17T16:01:21",
			   base);
	pc_options.rtc_clock = (enum rtc_clock)keyval_take_enum(kv, "clock", clocks, RTC_CLOCK_HOST);
	if (keyval_take_enum(kv, "driftfix", fixes, 0))
		keyval_die(kv, "driftfix=slew: is not built: periodic interrupts that the guest misses are not made up for; leave it out");
	keyval_end(kv);
}

int64_t pc_rtc_ahead(void)
{
	int64_t now = device_wall_clock();
	time_t t = (time_t)(now / 1000000000);
	struct tm tm;

	switch (pc_options.rtc_base) {
	case RTC_LOCALTIME:
		localtime_r(&t, &tm);
		return tm.tm_gmtoff * 1000000000ll;
	case RTC_DATE:
		return pc_options.rtc_date * 1000000000ll - now;
	default:
		return 0;
	}
}

static void parse_debugcon(struct config *cfg, const char *val)
{
	(void)cfg;
	chardev_check("-debugcon", val);
	pc_options.debugcon = val;
}

static void parse_nodefaults(struct config *cfg, const char *val)
{
	(void)cfg;
	(void)val;
	pc_options.nodefaults = true;
}

static void parse_fw_cfg(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-fw_cfg", val, "name");
	struct pc_fw_cfg_word *w = &pc_options.fw_cfg[pc_options.nr_fw_cfg];

	(void)cfg;
	if (pc_options.nr_fw_cfg == PC_MAX_FW_CFG)
		keyval_die(kv, "%d of them have been given already", PC_MAX_FW_CFG);
	w->name = strdup(keyval_need(kv, "name"));
	w->file = keyval_take(kv, "file");
	w->string = keyval_take(kv, "string");
	if (!w->file == !w->string)
		keyval_die(kv, "give either file=PATH or string=TEXT");
	w->file = w->file ? strdup(w->file) : NULL;
	w->string = w->string ? strdup(w->string) : NULL;
	pc_options.nr_fw_cfg++;
	keyval_end(kv);
}

static void parse_option_rom(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-option-rom", val, "romfile");
	struct pc_option_rom *rom = &pc_options.rom[pc_options.nr_roms];
	const char *slash;

	(void)cfg;
	if (pc_options.nr_roms == PC_MAX_ROMS)
		keyval_die(kv, "%d of them have been given already", PC_MAX_ROMS);
	rom->path = strdup(keyval_need(kv, "romfile"));
	slash = strrchr(rom->path, '/');
	rom->name = slash ? slash + 1 : rom->path;
	rom->bootindex = (int32_t)keyval_take_u64(kv, "bootindex", UINT64_MAX, 0, INT32_MAX);
	pc_options.nr_roms++;
	keyval_end(kv);
}

static const struct option options[] = {
	{ "machine", "pc[,accel=NAME]", "kind of machine (there is one: pc)", parse_machine },
	{ "M", "pc", NULL, parse_machine },
	{ "bios", "FILE", "firmware (default bios-256k.bin, unless -kernel is given)", parse_bios },
	{ "L", "DIRECTORY", "look for firmware and option ROMs here first", parse_dir },
	{ "vga", "std|cirrus|none", "graphics card", parse_vga },
	{ "boot", "[order=]ADCN[,once=ADCN][,menu=on][,splash-time=MS][,reboot-timeout=MS][,strict=on]",
	  "what firmware boots from: a floppy, c disk, d CD, n network (default cad)", parse_boot },
	{ "rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm]",
	  "what the clock shows, and what drives it (default utc,clock=host)", parse_rtc },
	{ "option-rom", "FILE[,bootindex=N]", "an option ROM that firmware runs", parse_option_rom },
	{ "fw_cfg", "NAME,file=PATH|string=TEXT", "a file for firmware and guest to read",
	  parse_fw_cfg },
	{ "debugcon", "WHERE", "debug console port (E9h; firmware's is 402h), as -serial has it",
	  parse_debugcon },
	{ "nodefaults", NULL, "only devices that are asked for", parse_nodefaults },
};

static const struct option_group group = {
	.title = "PC",
	.order = ORDER_MACHINE,
	.options = options,
	.nr = ARRAY_SIZE(options),
};
OPTIONS_REGISTER(group);
