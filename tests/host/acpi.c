// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ACPI tables: placed by acpi_place() and by the loader's script as firmware runs it they are the
 * same, their checksums are right, and iasl takes the DSDT apart and puts it together again without
 * an error.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "host/acpi/tables.h"
#include "tests/host/world.h"

#define TABLES_AT 0x12340000u

static uint32_t apic_id(void *arg, unsigned int cpu)
{
	(void)arg;
	return cpu;
}

static const struct acpi_device devices[] = {
	{ "RTC0", "PNP0B00", 0, { { 0x70, 2 } }, 8 },
	{ "FDC0", "PNP0700", 0, { { 0x3f2, 4 }, { 0x3f7, 1 } }, 6, true, 2 },
	{ "COM1", "PNP0501", 1, { { 0x3f8, 8 } }, 4 },
};

static const struct acpi_mmio mmio[] = { { 0xfec10000, 0x200, 16 }, { 0xfec10200, 0x200, 17 } };

static struct acpi_machine machine(unsigned int cpus, uint64_t low, uint64_t top)
{
	return (struct acpi_machine){
		.cpus = cpus, .apic_id = apic_id, .lapic = 0xfee00000, .ioapic = 0xfec00000,
		.pm_event = 0x600, .pm_control = 0x604, .pm_timer = 0x608, .pm_gpe0 = 0x60c,
		.sci = 9, .reset_port = 0xcf9, .reset_value = 6, .vga = true, .i8042 = true,
		.hpet = 0xfed00000, .hpet_id = 0x8086a201,
		.mmio32 = low, .mmio32_last = 0xfebfffff, .mmio64 = top, .mmio64_last = 0xffffffffff,
		.isa_devfn = 8, .pirqrc = 0x60, .devices = devices, .nr_devices = ARRAY_SIZE(devices),
		.virtio_mmio = mmio, .nr_virtio_mmio = ARRAY_SIZE(mmio),
	};
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t v = 0;

	while (len--)
		v = (uint8_t)(v + *p++);
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16) | (uint32_t)p[3] << 24;
}

/* What firmware does with the script. */
static void run_script(const uint8_t *c, size_t len, uint8_t *tables, uint8_t *rsdp)
{
	for (; len >= 128; len -= 128, c += 128) {
		uint8_t *in = strcmp((const char *)c + 4, "etc/acpi/rsdp") ? tables : rsdp;
		uint64_t val = 0;

		switch (get32(c)) {
		case 2:
			memcpy(&val, in + get32(c + 116), c[120]);
			val += TABLES_AT;
			memcpy(in + get32(c + 116), &val, c[120]);
			break;
		case 3:
			/* As OVMF does: what is there already goes into the sum. */
			in[get32(c + 60)] = (uint8_t)-sum(in + get32(c + 64), get32(c + 68));
			break;
		}
	}
}

static const uint8_t *table(const uint8_t *tables, const uint8_t *rsdp, const char *signature)
{
	const uint8_t *rsdt = tables + (get32(rsdp + 16) - TABLES_AT), *t;
	unsigned int i, n = (get32(rsdt + 4) - 36) / 4;

	for (i = 0; i < n; i++) {
		t = tables + (get32(rsdt + 36 + 4 * i) - TABLES_AT);
		if (!memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

static int run(const char *dir, const char *command)
{
	char text[256];
	int ret;

	snprintf(text, sizeof(text), "cd %s && %s", dir, command);
	ret = system(text);
	return WIFEXITED(ret) ? WEXITSTATUS(ret) : -1;
}

static void check_iasl(const uint8_t *dsdt)
{
	char dir[] = "/tmp/anykvm-acpi.XXXXXX", path[64];
	FILE *f;

	if (!mkdtemp(dir))
		return;
	snprintf(path, sizeof(path), "%s/dsdt.aml", dir);
	f = fopen(path, "w");
	ok(f && fwrite(dsdt, get32(dsdt + 4), 1, f) == 1 && !fclose(f), "written");
	ok(!run(dir, "iasl -d dsdt.aml > d.log 2>&1"), "iasl takes it apart");
	ok(run(dir, "grep -qiE 'error|warning|unresolved|External \\(' d.log dsdt.dsl"),
	   "with nothing to say");
	ok(!run(dir, "iasl -p again dsdt.dsl > c.log 2>&1"), "and puts it together");
	ok(!run(dir, "grep -q '0 Errors, 0 Warnings, 0 Remarks' c.log"), "without errors and warnings");
	ok(!run(dir, "grep -q 'Name (_PRT, Package (0x80)' dsdt.dsl"), "_PRT has 32 slots' pins");
	ok(!run(dir, "grep -q 'Device (LNKD)' dsdt.dsl && grep -q 'Device (PCI0)' dsdt.dsl"),
	   "host bridge and links");
	run("/tmp", "true");
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	run("/tmp", path);
}

static void one(unsigned int cpus, uint64_t low, uint64_t top)
{
	struct acpi_machine m = machine(cpus, low, top);
	struct acpi_tables t = { .nr_sums = 0 };
	uint8_t *script, *tables, rsdp[ACPI_RSDP_LEN];
	const uint8_t *fadt, *madt;
	size_t len, n;
	unsigned int i;
	bool good = true;

	acpi_build(&t, &m);
	n = t.buf[ACPI_FILE_TABLES].len;
	tables = malloc(n);
	memcpy(tables, t.buf[ACPI_FILE_TABLES].data, n);
	memcpy(rsdp, t.buf[ACPI_FILE_RSDP].data, sizeof(rsdp));
	script = acpi_loader_script(&t, &len);
	run_script(script, len, tables, rsdp);
	acpi_place(&t, TABLES_AT);
	ok(!memcmp(tables, t.buf[ACPI_FILE_TABLES].data, n) &&
	   !memcmp(rsdp, t.buf[ACPI_FILE_RSDP].data, sizeof(rsdp)),
	   "%u CPUs: the script does what acpi_place() does", cpus);
	ok(!sum(rsdp, 20) && !sum(rsdp, sizeof(rsdp)), "RSDP: both sums");
	for (i = 0; i < t.nr_sums; i++)
		good &= !sum(t.buf[t.sum[i].file].data + t.sum[i].off, t.sum[i].len);
	ok(good, "all sums");
	fadt = table(tables, rsdp, "FACP");
	madt = table(tables, rsdp, "APIC");
	ok(fadt && madt && table(tables, rsdp, "HPET") && table(tables, rsdp, "WAET"), "tables");
	ok(madt && get32(madt + 4) == 44 + 8 * cpus + 12 + 5 * 10 + 6, "MADT: a line a CPU");
	ok(fadt && !((get32(fadt + 36) - TABLES_AT) & 63), "FACS: aligned to 64");
	if (fadt)
		check_iasl(tables + (get32(fadt + 40) - TABLES_AT));
	free(script);
	free(tables);
	for (i = 0; i < ACPI_FILES; i++)
		free(t.buf[i].data);
}

int main(void)
{
	one(1, 0x20000000, 0x100000000);
	one(255, 0xc0000000, 0x1040000000);
	return world_end();
}
