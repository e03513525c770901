// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about the balloon: how much of its memory the guest keeps. */
#include "host/balloon.h"
#include "host/event.h"
#include "host/machine/machine.h"
#include "host/monitor/monitor.h"

static uint64_t actual(uint64_t pages)
{
	return machine_vm()->ram_size - (pages << 12);
}

static void changed(uint64_t pages)
{
	event_send("BALLOON_CHANGE", EVENT_INT("actual", actual(pages)));
}

static __attribute__((constructor)) void hear_changes(void)
{
	balloon_changed = changed;
}

static struct json_object *run_query(struct call *c)
{
	struct json_object *ret;

	if (!balloon_there())
		return call_fail(c, DEVICE_NOT_ACTIVE,
				 "No balloon device has been activated; -device virtio-balloon-pci adds one");
	ret = json_object_new_object();
	put_u64(ret, "actual", actual(balloon_given()));
	return ret;
}

static void print_query(struct call *c, struct json_object *ret)
{
	static const struct {
		enum balloon_stat stat;
		const char *name;
	} rows[] = {
		{ BALLOON_FREE, "free_mem" }, { BALLOON_TOTAL, "total_mem" },
		{ BALLOON_AVAILABLE, "available" }, { BALLOON_CACHES, "disk_caches" },
		{ BALLOON_MAJOR_FAULTS, "major_page_faults" }, { BALLOON_SWAP_IN, "mem_swapped_in" },
		{ BALLOON_SWAP_OUT, "mem_swapped_out" },
	};
	uint64_t val, when;
	unsigned int i;

	call_print(c, "balloon: actual=%lld", (long long)(get_int(ret, "actual") >> 20));
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (balloon_stat(rows[i].stat, &val, &when))
			call_print(c, " %s=%llu", rows[i].name, (unsigned long long)val);
	call_print(c, "\n");
}

static struct json_object *run_balloon(struct call *c)
{
	if (!balloon_there())
		return run_query(c);
	return call_done(c, balloon_set(machine_vm()->ram_size, (uint64_t)call_int(c, "value", 0)));
}

static const struct field balloon_args[] = {
	{ "value", KIND_SIZE, "what the guest shall have" }, { 0 }
};

static const struct field balloon_ret[] = {
	{ "actual", KIND_SIZE, "what the guest has, in bytes" }, { 0 }
};

static const struct command balloon_commands[] = {
	{ .hmp = "balloon", .qmp = "balloon", .help = "ask the guest for memory, or give it back",
	  .args = balloon_args, .run = run_balloon },
	{ .hmp = "info balloon", .qmp = "query-balloon", .help = "how much memory the guest keeps",
	  .returns = balloon_ret, .run = run_query, .print = print_query },
};
COMMANDS_REGISTER(balloon_commands);
