// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Commands about processors: which there are, their registers, what one sees in memory (memory.c).
 * Registers are read while all CPUs are held, so they are of one moment; a CPU that is in KVM_RUN would
 * not answer before it comes out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "host/machine/machine.h"
#include "host/monitor/expr.h"
#include "host/monitor/monitor.h"
#include "host/vcpu.h"
#include "host/vcpu_state.h"

struct regs {
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_mp_state mp;
};

static void get_regs(const struct vcpu *v, struct regs *regs)
{
	machine_hold();
	vcpu_must(v, KVM_GET_REGS, &regs->r, "KVM_GET_REGS");
	vcpu_must(v, KVM_GET_SREGS, &regs->s, "KVM_GET_SREGS");
	vcpu_must(v, KVM_GET_MP_STATE, &regs->mp, "KVM_GET_MP_STATE");
	machine_release();
}

/* --- a register by its name --- */

#define REG(name, field) { name, offsetof(struct regs, field), sizeof(((struct regs *)0)->field) }

static const struct reg {
	const char *name;
	size_t at, size;
} reg_names[] = {
	REG("rax", r.rax), REG("rbx", r.rbx), REG("rcx", r.rcx), REG("rdx", r.rdx),
	REG("rsi", r.rsi), REG("rdi", r.rdi), REG("rsp", r.rsp), REG("rbp", r.rbp),
	REG("r8", r.r8), REG("r9", r.r9), REG("r10", r.r10), REG("r11", r.r11),
	REG("r12", r.r12), REG("r13", r.r13), REG("r14", r.r14), REG("r15", r.r15),
	REG("rip", r.rip), REG("pc", r.rip), REG("rflags", r.rflags), REG("eflags", r.rflags),
	{ "eax", offsetof(struct regs, r.rax), 4 }, { "ebx", offsetof(struct regs, r.rbx), 4 },
	{ "ecx", offsetof(struct regs, r.rcx), 4 }, { "edx", offsetof(struct regs, r.rdx), 4 },
	{ "esi", offsetof(struct regs, r.rsi), 4 }, { "edi", offsetof(struct regs, r.rdi), 4 },
	{ "esp", offsetof(struct regs, r.rsp), 4 }, { "ebp", offsetof(struct regs, r.rbp), 4 },
	{ "eip", offsetof(struct regs, r.rip), 4 },
	REG("cs", s.cs.selector), REG("ds", s.ds.selector), REG("es", s.es.selector),
	REG("ss", s.ss.selector), REG("fs", s.fs.selector), REG("gs", s.gs.selector),
	REG("cr0", s.cr0), REG("cr2", s.cr2), REG("cr3", s.cr3), REG("cr4", s.cr4),
	REG("cr8", s.cr8), REG("efer", s.efer),
};

bool cpu_register(struct call *c, const char *name, uint64_t *val)
{
	struct regs regs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reg_names); i++)
		if (!strcasecmp(reg_names[i].name, name))
			break;
	if (i == ARRAY_SIZE(reg_names))
		return false;
	get_regs(vcpu_at(*c->cpu), &regs);
	*val = 0;
	memcpy(val, (char *)&regs + reg_names[i].at, reg_names[i].size);
	return true;
}

/* --- info registers --- */

static void print_segment(struct call *c, const char *name, const struct kvm_segment *s)
{
	unsigned int access = s->type | (unsigned int)s->s << 4 | (unsigned int)s->dpl << 5 |
			      (unsigned int)s->present << 7 | (unsigned int)s->avl << 12 |
			      (unsigned int)s->l << 13 | (unsigned int)s->db << 14 |
			      (unsigned int)s->g << 15;

	call_print(c, "%-3s=%04x %016llx %08x %04x\n", name, s->selector, s->base, s->limit, access);
}

static void print_registers(struct call *c, const struct vcpu *v)
{
	static const char *const names[16] = { "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RSP", "RBP",
					       "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
	const uint64_t *general;
	struct regs regs;
	unsigned int i;

	get_regs(v, &regs);
	general = (const uint64_t *)&regs.r;
	call_print(c, "CPU#%u\n", v->index);
	for (i = 0; i < 16; i++)
		call_print(c, "%s=%016" PRIx64 "%s", names[i], general[i], i % 4 == 3 ? "\n" : " ");
	call_print(c, "RIP=%016llx RFL=%08llx CPL=%u HLT=%u\n", regs.r.rip, regs.r.rflags,
		   regs.s.ss.dpl, regs.mp.mp_state == KVM_MP_STATE_HALTED);
	print_segment(c, "ES", &regs.s.es);
	print_segment(c, "CS", &regs.s.cs);
	print_segment(c, "SS", &regs.s.ss);
	print_segment(c, "DS", &regs.s.ds);
	print_segment(c, "FS", &regs.s.fs);
	print_segment(c, "GS", &regs.s.gs);
	print_segment(c, "LDT", &regs.s.ldt);
	print_segment(c, "TR", &regs.s.tr);
	call_print(c, "GDT=     %016llx %08x\nIDT=     %016llx %08x\n", regs.s.gdt.base,
		   regs.s.gdt.limit, regs.s.idt.base, regs.s.idt.limit);
	call_print(c, "CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx\nEFER=%016llx\n", regs.s.cr0,
		   regs.s.cr2, regs.s.cr3, regs.s.cr4, regs.s.efer);
}

static struct json_object *run_registers(struct call *c)
{
	unsigned int i;

	if (!call_bool(c, "all", false))
		print_registers(c, vcpu_at(*c->cpu));
	for (i = 0; call_bool(c, "all", false) && i < vcpus_count(); i++)
		print_registers(c, vcpu_at(i));
	return NULL;
}

/* --- which there are --- */

static struct json_object *run_cpus(struct call *c)
{
	const struct topology *t = &machine_config()->smp;
	struct json_object *list = json_object_new_array();
	unsigned int i;

	(void)c;
	for (i = 0; i < vcpus_count(); i++) {
		struct json_object *o = json_object_new_object(), *p = json_object_new_object();
		char path[32];

		snprintf(path, sizeof(path), "/machine/cpu[%u]", i);
		put_int(o, "cpu-index", i);
		put_str(o, "qom-path", path);
		put_int(o, "thread-id", vcpu_at(i)->tid);
		put_int(p, "socket-id", i / (t->cores * t->threads));
		put_int(p, "core-id", i / t->threads % t->cores);
		put_int(p, "thread-id", i % t->threads);
		json_object_object_add(o, "props", p);
		put_str(o, "target", "x86_64");
		json_object_array_add(list, o);
	}
	return list;
}

static void print_cpus(struct call *c, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++)
		call_print(c, "%c CPU #%zu: thread_id=%lld\n", i == *c->cpu ? '*' : ' ', i,
			   (long long)get_int(json_object_array_get_idx(ret, i), "thread-id"));
}

static struct json_object *run_cpu(struct call *c)
{
	int64_t n = call_int(c, "index", 0);

	if (n < 0 || n >= vcpus_count())
		return call_fail(c, GENERIC_ERROR, "Parameter 'index' must be from 0 to %u",
				 vcpus_count() - 1);
	*c->cpu = (unsigned int)n;
	return NULL;
}

static struct json_object *run_nmi(struct call *c)
{
	unsigned int i;

	machine_hold();
	for (i = 0; i < vcpus_count(); i++)
		vcpu_must(vcpu_at(i), KVM_NMI, NULL, "KVM_NMI");
	machine_release();
	(void)c;
	return NULL;
}

static const char *const all_flag[] = { "-a", NULL };

static const struct field registers_args[] = {
	{ "all", KIND_FLAG, "of all CPUs", .optional = true, .values = all_flag }, { 0 }
};

static const struct field cpu_args[] = { { "index", KIND_INT, "the CPU's number" }, { 0 } };

static const struct field cpu_props[] = {
	{ "socket-id", KIND_INT, "" }, { "core-id", KIND_INT, "" }, { "thread-id", KIND_INT, "" },
	{ 0 }
};

static const struct field cpus_ret[] = {
	{ "cpu-index", KIND_INT, "" }, { "qom-path", KIND_STR, "" },
	{ "thread-id", KIND_INT, "of the host" }, { "props", KIND_OBJECT, "", .of = cpu_props },
	{ "target", KIND_STR, "" }, { 0 }
};

static const struct command cpu_commands[] = {
	{ .hmp = "info registers", .help = "registers of the CPU that is looked at",
	  .args = registers_args, .run = run_registers },
	{ .hmp = "info cpus", .qmp = "query-cpus-fast", .help = "the CPUs and their threads",
	  .returns = cpus_ret, .returns_array = true, .run = run_cpus, .print = print_cpus },
	{ .hmp = "cpu", .help = "look at another CPU", .args = cpu_args, .run = run_cpu },
	{ .hmp = "nmi", .qmp = "inject-nmi", .help = "a non-maskable interrupt to all CPUs",
	  .run = run_nmi },
};
COMMANDS_REGISTER(cpu_commands);
