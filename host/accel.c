// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Choosing the accelerator: the first in the list that can run unmodified guests here.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "host/accel.h"
#include "host/bus/bus.h"
#include "host/report.h"

static const struct accel *const accels[] = { &accel_kvm, &accel_bt };

static const struct { int cap; const char *name; } needed[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_XSAVE, "KVM_CAP_XSAVE" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
};

static const struct accel *find(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(accels); i++)
		if (strlen(accels[i]->name) == len && !strncmp(accels[i]->name, name, len))
			return accels[i];
	return NULL;
}

bool accel_list_valid(const char *list, const char **bad, size_t *bad_len)
{
	const char *p = list;

	for (;;) {
		size_t len = strcspn(p, ":");

		if (!find(p, len)) {
			*bad = p;
			*bad_len = len;
			return false;
		}
		if (!p[len])
			return true;
		p += len + 1;
	}
}

void accel_help(void)
{
	unsigned int i;

	printf("Accelerators, for -accel NAME or -accel NAME:NAME (the first that works):\n");
	for (i = 0; i < ARRAY_SIZE(accels); i++)
		printf("  %-4s %s\n", accels[i]->name, accels[i]->what);
}

/* Open @a and see that it has what the machine is built on. Returns the fd or -1 with @why. */
static int try(const struct accel *a, bool chosen, char *why, size_t len)
{
	int fd, version;
	unsigned int i;

	if (!chosen && !a->usable(why, len))
		return -1;
	fd = a->open();
	if (fd < 0) {
		/* Its own words for what can be missing are better than an errno. */
		if (chosen && !a->usable(why, len))
			return -1;
		snprintf(why, len, "it does not open: %s", strerror(-fd));
		return -1;
	}
	version = accel_ioctl_val(a, fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		snprintf(why, len, "its API version is %d, not %d", version, KVM_API_VERSION);
		a->close(fd);
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (accel_ioctl_val(a, fd, KVM_CHECK_EXTENSION, (uint64_t)needed[i].cap) <= 0) {
			snprintf(why, len, "it lacks %s", needed[i].name);
			a->close(fd);
			return -1;
		}
	return fd;
}

/* What was taken and why, or nothing to say. */
static char choice[1024];

void accel_say(void)
{
	if (choice[0])
		note("%s", choice);
}

const struct accel *accel_choose(const char *list, bool chosen, int *fd)
{
	char reasons[768] = "";
	const char *p = list;

	/* A list leaves the choice to us; a single name is the user's choice. */
	chosen = chosen && !strchr(list, ':');
	for (;;) {
		size_t len = strcspn(p, ":"), at = strlen(reasons);
		const struct accel *a = find(p, len);
		char why[256] = "";

		*fd = try(a, chosen, why, sizeof(why));
		if (*fd >= 0) {
			if (!chosen)
				snprintf(choice, sizeof(choice), "using -accel %s (%s)%s%s",
					 a->name, a->what, at ? "; " : "", reasons);
			return a;
		}
		snprintf(reasons + at, sizeof(reasons) - at, "%snot %s: %s", at ? "; " : "",
			 a->name, why);
		if (!p[len])
			die("-accel %s: nothing can run the guest here: %s", list, reasons);
		p += len + 1;
	}
}
