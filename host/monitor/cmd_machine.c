// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about the machine as a whole: whether it runs, its name, its end. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/accel.h"
#include "host/event.h"
#include "host/machine/machine.h"
#include "host/monitor/monitor.h"

/* --- running --- */

static struct json_object *run_status(struct call *c)
{
	struct json_object *ret = json_object_new_object();

	(void)c;
	put_str(ret, "status", machine_state_name(machine_state()));
	put_bool(ret, "singlestep", false);
	put_bool(ret, "running", machine_state() == STATE_RUNNING);
	return ret;
}

static void print_status(struct call *c, struct json_object *ret)
{
	bool running = get_bool(ret, "running");

	call_print(c, "VM status: %s", running ? "running" : "paused");
	if (!running && machine_state() != STATE_PAUSED)
		call_print(c, " (%s)", get_str(ret, "status"));
	call_print(c, "\n");
}

static struct json_object *run_stop(struct call *c)
{
	(void)c;
	machine_pause(STATE_PAUSED);
	return NULL;
}

static struct json_object *run_cont(struct call *c)
{
	return call_done(c, machine_resume());
}

static struct json_object *run_reset(struct call *c)
{
	(void)c;
	machine_ask_host(MACHINE_RESET, "host-qmp-system-reset");
	return NULL;
}

static struct json_object *run_powerdown(struct call *c)
{
	if (!machine_power_button)
		return call_fail(c, GENERIC_ERROR, "this machine has no power button");
	event_send("POWERDOWN");
	machine_power_button();
	return NULL;
}

static struct json_object *run_quit(struct call *c)
{
	(void)c;
	machine_ask_host(MACHINE_QUIT, "host-qmp-quit");
	return NULL;
}

/* --- what it is --- */

static struct json_object *run_name(struct call *c)
{
	struct json_object *ret = json_object_new_object();

	(void)c;
	if (machine_config()->name)
		put_str(ret, "name", machine_config()->name);
	return ret;
}

static void print_name(struct call *c, struct json_object *ret)
{
	const char *name = get_str(ret, "name");

	if (name)
		call_print(c, "%s\n", name);
}

static struct json_object *run_uuid(struct call *c)
{
	struct json_object *ret = json_object_new_object();
	const uint8_t *u = machine_config()->uuid;
	char text[40];
	size_t at = 0;
	unsigned int i;

	(void)c;
	for (i = 0; i < 16; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%02x",
				       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
	put_str(ret, "UUID", text);
	return ret;
}

static void print_uuid(struct call *c, struct json_object *ret)
{
	call_print(c, "%s\n", get_str(ret, "UUID"));
}

static struct json_object *run_kvm(struct call *c)
{
	struct json_object *ret = json_object_new_object();

	(void)c;
	put_bool(ret, "enabled", machine_vm()->accel == &accel_kvm);
	put_bool(ret, "present", !access("/dev/kvm", F_OK));
	return ret;
}

static void print_kvm(struct call *c, struct json_object *ret)
{
	call_print(c, "kvm support: %s\naccelerator: %s (%s)\n",
		   get_bool(ret, "enabled") ? "enabled" : "disabled", machine_vm()->accel->name,
		   machine_vm()->accel->what);
}

static struct json_object *run_machines(struct call *c)
{
	struct json_object *list = json_object_new_array(), *pc = json_object_new_object();

	(void)c;
	put_str(pc, "name", "pc");
	put_bool(pc, "is-default", true);
	put_int(pc, "cpu-max", MAX_CPUS);
	put_bool(pc, "hotpluggable-cpus", false);
	put_bool(pc, "numa-mem-supported", false);
	put_bool(pc, "deprecated", false);
	put_bool(pc, "acpi", true);
	json_object_array_add(list, pc);
	return list;
}

static struct json_object *run_target(struct call *c)
{
	struct json_object *ret = json_object_new_object();

	(void)c;
	put_str(ret, "arch", "x86_64");
	return ret;
}

static struct json_object *run_memory_size(struct call *c)
{
	struct json_object *ret = json_object_new_object();

	(void)c;
	put_u64(ret, "base-memory", machine_vm()->ram_size);
	put_int(ret, "plugged-memory", 0);
	return ret;
}

static void print_memory_size(struct call *c, struct json_object *ret)
{
	call_print(c, "base memory: %lld\nplugged memory: 0\n",
		   (long long)get_int(ret, "base-memory"));
}

static const char *const states[] = {
	"prelaunch", "running", "paused", "shutdown", "io-error", "internal-error", NULL
};

static const struct field status_ret[] = {
	{ "status", KIND_ENUM, "", .values = states },
	{ "singlestep", KIND_BOOL, "always false" },
	{ "running", KIND_BOOL, "" },
	{ 0 }
};

static const struct field name_ret[] = { { "name", KIND_STR, "", .optional = true }, { 0 } };
static const struct field uuid_ret[] = { { "UUID", KIND_STR, "" }, { 0 } };
static const struct field target_ret[] = { { "arch", KIND_STR, "" }, { 0 } };

static const struct field kvm_ret[] = {
	{ "enabled", KIND_BOOL, "the guest runs on /dev/kvm" },
	{ "present", KIND_BOOL, "there is a /dev/kvm" },
	{ 0 }
};

static const struct field machine_ret[] = {
	{ "name", KIND_STR, "" }, { "is-default", KIND_BOOL, "", .optional = true },
	{ "cpu-max", KIND_INT, "" }, { "hotpluggable-cpus", KIND_BOOL, "" },
	{ "numa-mem-supported", KIND_BOOL, "" }, { "deprecated", KIND_BOOL, "" },
	{ "acpi", KIND_BOOL, "" }, { 0 }
};

static const struct field memory_size_ret[] = {
	{ "base-memory", KIND_SIZE, "" }, { "plugged-memory", KIND_SIZE, "" }, { 0 }
};

static const struct command machine_commands[] = {
	{ .hmp = "info status", .qmp = "query-status", .help = "does the guest run?",
	  .returns = status_ret, .run = run_status, .print = print_status },
	{ .hmp = "stop", .qmp = "stop", .help = "stop the guest", .run = run_stop },
	{ .hmp = "cont", .qmp = "cont", .help = "let the guest go on", .run = run_cont },
	{ .hmp = "c", .help = "cont", .run = run_cont },
	{ .hmp = "system_reset", .qmp = "system_reset", .help = "press the reset button",
	  .run = run_reset },
	{ .hmp = "system_powerdown", .qmp = "system_powerdown", .help = "press the power button",
	  .run = run_powerdown },
	{ .hmp = "quit", .qmp = "quit", .help = "end anykvm and the guest", .run = run_quit },
	{ .hmp = "q", .help = "quit", .run = run_quit },
	{ .hmp = "info name", .qmp = "query-name", .help = "the guest's name (-name)",
	  .returns = name_ret, .run = run_name, .print = print_name },
	{ .hmp = "info uuid", .qmp = "query-uuid", .help = "the machine's UUID (-uuid)",
	  .returns = uuid_ret, .run = run_uuid, .print = print_uuid },
	{ .hmp = "info kvm", .qmp = "query-kvm", .help = "what runs the guest's code",
	  .returns = kvm_ret, .run = run_kvm, .print = print_kvm },
	{ .qmp = "query-machines", .help = "kinds of machines", .returns = machine_ret,
	  .returns_array = true, .run = run_machines },
	{ .qmp = "query-target", .help = "the guest's architecture", .returns = target_ret,
	  .run = run_target },
	{ .hmp = "info memory_size_summary", .qmp = "query-memory-size-summary",
	  .help = "how much memory the guest has", .returns = memory_size_ret,
	  .run = run_memory_size, .print = print_memory_size },
};
COMMANDS_REGISTER(machine_commands);
