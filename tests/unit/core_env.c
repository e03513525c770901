/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine that interprets, and TAP. */
#include "core_env.h"

u8 *ram;
u32 engine_flushes, engine_kicks, engine_writes, engine_fpu_writes, engine_limit;
void (*engine_before_run)(struct vcpu *v);
static int tests, failed;

void ok_(bool cond, const char *name, const char *file, int line)
{
	tests++;
	if (cond) {
		printf("ok %d - %s\n", tests, name);
		return;
	}
	failed++;
	printf("not ok %d - %s\n# at %s:%d\n", tests, name, file, line);
}

/* ---- engine ---- */

static enum engine_exit eng_run(struct vcpu *v)
{
	enum engine_exit why;
	u32 steps = 0;

	if (engine_before_run)
		engine_before_run(v);
	for (;;) {
		if (engine_limit && ++steps > engine_limit)
			test_signal();
		if (!vcpu_enter_guest(v, &why))
			return why;
		if (!vcpu_emulate_one(v, &why)) {
			vcpu_leave_guest(v);
			return why;
		}
		vcpu_leave_guest(v);
	}
}

static int eng_vm_create(struct vm *vm)
{
	vm->engine_priv = plat_alloc(16);
	return vm->engine_priv ? 0 : -ENOMEM;
}

static void eng_vm_destroy(struct vm *vm) { plat_free(vm->engine_priv); }

static int eng_vcpu_create(struct vcpu *v)
{
	v->engine_priv = plat_alloc(16);
	return v->engine_priv ? 0 : -ENOMEM;
}

static void eng_vcpu_destroy(struct vcpu *v) { plat_free(v->engine_priv); }
static void eng_kick(struct vcpu *v) { engine_kicks++; }
static void eng_nothing(struct vcpu *v) { }
static void eng_fpu(struct vcpu *v) { engine_fpu_writes++; }
static void eng_flush(struct vcpu *v) { engine_flushes++; }
static void eng_flush_page(struct vcpu *v, u64 lin) { }
static void eng_slot(struct vm *vm, const struct memslot *old, const struct memslot *new) { }
static void eng_written(struct vm *vm, u64 gpa, u64 len) { engine_writes++; }

struct engine interpreter = {
	.name = "interpreter",
	.vm_create = eng_vm_create,
	.vm_destroy = eng_vm_destroy,
	.vcpu_create = eng_vcpu_create,
	.vcpu_destroy = eng_vcpu_destroy,
	.run = eng_run,
	.kick = eng_kick,
	.fpu_written = eng_fpu,
	.state_written = eng_nothing,
	.tlb_flush = eng_flush,
	.tlb_flush_asid = eng_flush,
	.tlb_flush_page = eng_flush_page,
	.mode_changed = eng_nothing,
	.slot_changed = eng_slot,
	.memory_written = eng_written,
};

/* ---- machines ---- */

void begin(void)
{
	test_home_reset();
	memset(ram, 0, RAM_SIZE);
}

void end(const char *name)
{
	if (test_allocs_live() || test_files_open())
		printf("# %s: %llu allocations, %u files are left\n", name,
		       (unsigned long long)test_allocs_live(), test_files_open());
	OK(!test_allocs_live() && !test_files_open(), name);
}

long call(int fd, unsigned int cmd, u64 arg)
{
	enum plat_file_kind kind;
	void *obj = test_file_obj(fd, &kind);

	if (fd < 0)
		return fd;
	return core_ioctl(kind, obj, cmd, arg);
}

int open_vm(void)
{
	int sys = core_create_system(), vm;

	if (sys < 0)
		return sys;
	vm = ioc(sys, KVM_CREATE_VM, 0);
	test_close(sys);
	return vm;
}

int add_ram(int vm, u32 slot, u64 gpa, u64 size, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (u64)ram,
	};

	return ioc(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

void box_open(struct box *b, bool irqchip, const void *code, size_t n)
{
	begin();
	b->vm = open_vm();
	b->v = test_file_obj(b->vm, NULL);
	if (irqchip)
		ioc(b->vm, KVM_CREATE_IRQCHIP, 0);
	add_ram(b->vm, 0, 0, RAM_SIZE, 0);
	b->cpu = ioc(b->vm, KVM_CREATE_VCPU, 0);
	b->c = test_file_obj(b->cpu, NULL);
	b->run = core_shared_page(PLAT_FILE_VCPU, b->c, 0);
	memcpy(ram + CODE, code, n);
	box_start(b, CODE);
}

void box_start(struct box *b, u16 ip)
{
	struct kvm_regs r = { .rip = ip, .rflags = 2, .rsp = 0x800 };
	struct kvm_sregs s;

	ioc(b->cpu, KVM_GET_SREGS, &s);
	s.cs.base = s.cs.selector = 0;
	ioc(b->cpu, KVM_SET_SREGS, &s);
	ioc(b->cpu, KVM_SET_REGS, &r);
}

struct kvm_regs box_regs(struct box *b)
{
	struct kvm_regs r = { 0 };

	ioc(b->cpu, KVM_GET_REGS, &r);
	return r;
}

void box_close(struct box *b)
{
	test_close(b->vm);
	test_close(b->cpu);
	end("nothing is left");
}

int tap_end(void)
{
	free(ram);
	printf("1..%d\n", tests);
	return failed != 0;
}

void env_start(void)
{
	if (posix_memalign((void **)&ram, 4096, RAM_SIZE))
		exit(1);
	memset(ram, 0, RAM_SIZE);
}
