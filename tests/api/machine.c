/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small machines for the rows: memory, one vCPU, a mode of operation with its tables made by the
 * host, so that a guest is a few instructions and nothing else.
 */
#include "api.h"

int kvm_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	return fd;
}

int kvm_cap(int cap)
{
	return OK(ioctl(kvm_fd(), KVM_CHECK_EXTENSION, cap));
}

int kvm_cap_vm(struct vm *vm, int cap)
{
	return OK(ioctl(vm->fd, KVM_CHECK_EXTENSION, cap));
}

void need_cap(int cap, const char *name)
{
	if (!kvm_cap(cap))
		SKIP("%s is not offered", name);
}

void *pages(u64 size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

int memslot(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size, void *host)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

void vm_bare(struct vm *vm)
{
	*vm = (struct vm){ .fd = OK(ioctl(kvm_fd(), KVM_CREATE_VM, 0)) };
	ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000ul);
}

void vm_make(struct vm *vm, int irqchip)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	vm_bare(vm);
	if (irqchip == IRQCHIP_KERNEL)
		OK(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	if (irqchip == IRQCHIP_SPLIT)
		OK(ioctl(vm->fd, KVM_ENABLE_CAP, &split));
	vm->size = RAM;
	vm->mem = pages(vm->size);
	OK(memslot(vm, 0, 0, 0, vm->size, vm->mem));
}

void vcpu_make(struct vm *vm, struct vcpu *c, int id)
{
	*c = (struct vcpu){ .vm = vm, .id = id };
	c->fd = OK(ioctl(vm->fd, KVM_CREATE_VCPU, (long)id));
	c->run_size = OK(ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0));
	c->run = mmap(NULL, c->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	CHECK(c->run != MAP_FAILED);
}

struct kvm_cpuid2 *cpuid_supported(void)
{
	static struct kvm_cpuid2 *t;
	int n = 256;

	if (t)
		return t;
	t = calloc(1, sizeof(*t) + n * sizeof(t->entries[0]));
	t->nent = n;
	OK(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, t));
	return t;
}

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *t, u32 fn, u32 index)
{
	for (u32 i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->entries[i];

		if (e->function == fn &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

bool host_is_amd(void)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(cpuid_supported(), 0, 0);

	return e && (e->ebx == 0x68747541 || e->ebx == 0x6f677948); /* Auth, Hygo */
}

void cpuid_all(struct vcpu *c)
{
	struct kvm_cpuid2 *t = cpuid_supported();

	for (u32 i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0xffffff) | (u32)c->id << 24;
		if (e->function == 0xb || e->function == 0x1f)
			e->edx = c->id;
	}
	OK(ioctl(c->fd, KVM_SET_CPUID2, t));
}

void load(struct vm *vm, u64 gpa, const void *code, const void *end)
{
	size_t n = (const u8 *)end - (const u8 *)code;

	CHECK(gpa + n <= vm->size);
	memcpy(vm->mem + gpa, code, n);
}

static struct kvm_segment seg(u16 sel, u8 type, int dpl, bool s, bool l, bool db)
{
	return (struct kvm_segment){
		.selector = sel, .base = 0, .limit = 0xffffffff, .type = type, .present = 1,
		.dpl = dpl, .s = s, .l = l, .db = db, .g = 1,
	};
}

static void put64(struct vm *vm, u64 gpa, u64 v)
{
	memcpy(vm->mem + gpa, &v, 8);
}

static void put32(struct vm *vm, u64 gpa, u32 v)
{
	memcpy(vm->mem + gpa, &v, 4);
}

/* Flat descriptors of both privilege levels, and the two TSS descriptors' worth at SEL_TSS. */
static void make_gdt(struct vm *vm)
{
	static const u64 gdt[] = {
		0,
		0x00cf9b000000ffff, /* 08 code32 */
		0x00cf93000000ffff, /* 10 data */
		0x00af9b000000ffff, /* 18 code64 */
		0x00cffb000000ffff, /* 20 user code32 */
		0x00cff3000000ffff, /* 28 user data */
		0x00affb000000ffff, /* 30 user code64 */
		0,
		0x00008b0000000067 | (u64)TSS << 16, /* 40 TSS, busy */
		0,
	};

	memcpy(vm->mem + GDT, gdt, sizeof(gdt));
}

/* Long mode: 4 x 1 GiB of 2 MiB pages at their own addresses, for supervisor and user. */
static void make_tables64(struct vm *vm)
{
	u64 pd = PTS + 0x2000;

	put64(vm, PTS, (PTS + 0x1000) | 7);
	put64(vm, PTS + 0x1000, pd | 7);
	for (int i = 0; i < 512; i++)
		put64(vm, pd + i * 8, (u64)i << 21 | 0x87);
}

static void make_tables32(struct vm *vm)
{
	for (int i = 0; i < 1024; i++)
		put32(vm, PTS + i * 4, (u32)i << 22 | 0x87);
}

static void protected_segments(struct kvm_sregs *s, bool l)
{
	s->cs = seg(l ? SEL_CODE64 : SEL_CODE32, 11, 0, true, l, !l);
	s->ss = s->ds = s->es = s->fs = s->gs = seg(SEL_DATA, 3, 0, true, false, true);
	s->tr = seg(SEL_TSS, 11, 0, false, false, false);
	s->tr.base = TSS;
	s->tr.limit = 0x67;
	s->tr.g = 0;
	s->ldt.unusable = 1;
	s->ldt.present = 0;
	s->gdt.base = GDT;
	s->gdt.limit = 0x4f;
	s->idt.base = IDT;
	s->idt.limit = 0xfff;
	s->cr0 = 0x31; /* PE, ET, NE */
}

static void real_segments(struct kvm_sregs *s)
{
	struct kvm_segment *const all[] = { &s->cs, &s->ss, &s->ds, &s->es, &s->fs, &s->gs };

	for (int i = 0; i < 6; i++) {
		*all[i] = seg(0, 3, 0, true, false, false);
		all[i]->limit = 0xffff;
		all[i]->g = 0;
	}
	s->cs.type = 11;
	s->idt.base = 0;
	s->idt.limit = 0x3ff;
	s->cr0 = 0x10;
}

void mode_set(struct vcpu *c, enum mode mode, u64 rip)
{
	struct kvm_sregs s = sregs_get(c);
	struct kvm_regs r = { .rip = rip, .rsp = STACK, .rflags = 2 };

	s.cr4 = 0;
	s.efer = 0;
	if (mode == REAL16) {
		real_segments(&s);
	} else {
		make_gdt(c->vm);
		protected_segments(&s, mode == LONG64);
	}
	if (mode == PAGED32) {
		make_tables32(c->vm);
		s.cr3 = PTS;
		s.cr4 = 0x10; /* PSE */
		s.cr0 |= 0x80010000; /* PG, WP */
	}
	if (mode == LONG64) {
		make_tables64(c->vm);
		s.cr3 = PTS;
		s.cr4 = 0x620; /* PAE, OSFXSR, OSXMMEXCPT */
		s.efer = 0xd00; /* LME, LMA, NXE */
		s.cr0 |= 0x80010000;
	}
	sregs_set(c, s);
	regs_set(c, r);
}

void idt_set(struct vm *vm, enum mode mode, int vector, u64 handler)
{
	u64 gate = (handler & 0xffff) | (handler & 0xffff0000) << 32 | 0x8e0000000000ull;

	if (mode == REAL16) {
		put32(vm, vector * 4, (u32)handler);
	} else if (mode == LONG64) {
		put64(vm, IDT + vector * 16, gate | (u64)SEL_CODE64 << 16);
		put64(vm, IDT + vector * 16 + 8, handler >> 32);
	} else {
		put64(vm, IDT + vector * 8, gate | (u64)SEL_CODE32 << 16);
	}
}

void box_make(struct box *b, int irqchip, enum mode mode, const u8 *code, const u8 *end)
{
	vm_make(&b->vm, irqchip);
	vcpu_make(&b->vm, &b->cpu, 0);
	cpuid_all(&b->cpu);
	load(&b->vm, CODE, code, end);
	mode_set(&b->cpu, mode, CODE);
}

static const char *const exit_names[] = {
	"UNKNOWN", "EXCEPTION", "IO", "HYPERCALL", "DEBUG", "HLT", "MMIO", "IRQ_WINDOW_OPEN",
	"SHUTDOWN", "FAIL_ENTRY", "INTR", "SET_TPR", "TPR_ACCESS", "13", "14", "15", "NMI",
	"INTERNAL_ERROR", "OSI", "PAPR_HCALL", "20", "21", "WATCHDOG", "23", "SYSTEM_EVENT", "25",
	"IOAPIC_EOI", "HYPERV", "28", "X86_RDMSR", "X86_WRMSR", "DIRTY_RING_FULL",
};

const char *exit_name(u32 reason)
{
	return reason < sizeof(exit_names) / sizeof(exit_names[0]) ? exit_names[reason] : "?";
}

int run_once(struct vcpu *c)
{
	return ioctl(c->fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

void run_until(struct vcpu *c, u32 reason)
{
	int r = run_once(c);
	struct kvm_regs regs;

	if (r)
		FAIL("KVM_RUN: %s, exit reason %s", strerror(-r), exit_name(c->run->exit_reason));
	if (c->run->exit_reason == reason)
		return;
	regs = regs_get(c);
	if (c->run->exit_reason == KVM_EXIT_IO)
		FAIL("exit IO (%s port %x size %d count %d) at rip %llx, should be %s",
		     c->run->io.direction ? "out" : "in", c->run->io.port, c->run->io.size,
		     c->run->io.count, regs.rip, exit_name(reason));
	if (c->run->exit_reason == KVM_EXIT_MMIO)
		FAIL("exit MMIO (%s %llx len %d) at rip %llx, should be %s",
		     c->run->mmio.is_write ? "write" : "read", c->run->mmio.phys_addr,
		     c->run->mmio.len, regs.rip, exit_name(reason));
	if (c->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		FAIL("exit INTERNAL_ERROR suberror %d at rip %llx, should be %s",
		     c->run->internal.suberror, regs.rip, exit_name(reason));
	FAIL("exit %s at rip %llx, should be %s", exit_name(c->run->exit_reason), regs.rip,
	     exit_name(reason));
}

void finish(struct vcpu *c)
{
	run_until(c, KVM_EXIT_HLT);
}

struct kvm_regs regs_get(struct vcpu *c)
{
	struct kvm_regs r;

	OK(ioctl(c->fd, KVM_GET_REGS, &r));
	return r;
}

void regs_set(struct vcpu *c, struct kvm_regs r)
{
	OK(ioctl(c->fd, KVM_SET_REGS, &r));
}

struct kvm_sregs sregs_get(struct vcpu *c)
{
	struct kvm_sregs s;

	OK(ioctl(c->fd, KVM_GET_SREGS, &s));
	return s;
}

void sregs_set(struct vcpu *c, struct kvm_sregs s)
{
	OK(ioctl(c->fd, KVM_SET_SREGS, &s));
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry e;
};

u64 msr_get(struct vcpu *c, u32 index)
{
	struct one_msr m = { .head.nmsrs = 1, .e.index = index };

	if (OK(ioctl(c->fd, KVM_GET_MSRS, &m)) != 1)
		FAIL("MSR 0x%x cannot be read", index);
	return m.e.data;
}

int msr_set(struct vcpu *c, u32 index, u64 value)
{
	struct one_msr m = { .head.nmsrs = 1, .e = { .index = index, .data = value } };

	return OK(ioctl(c->fd, KVM_SET_MSRS, &m));
}

u16 rd16(struct vm *vm, u64 gpa)
{
	return *(volatile u16 *)(vm->mem + gpa);
}

u32 rd32(struct vm *vm, u64 gpa)
{
	return *(volatile u32 *)(vm->mem + gpa);
}

u64 rd64(struct vm *vm, u64 gpa)
{
	return *(volatile u64 *)(vm->mem + gpa);
}

static u8 *io_exit(struct vcpu *c, int out, u16 port, int size)
{
	struct kvm_run *r = c->run;

	run_until(c, KVM_EXIT_IO);
	EQ(r->io.direction, out);
	EQ(r->io.port, port);
	EQ(r->io.size, size);
	EQ(r->io.count, 1);
	CHECK(r->io.data_offset + size <= (u64)c->run_size);
	return (u8 *)r + r->io.data_offset;
}

void expect_out(struct vcpu *c, u16 port, int size, u32 value)
{
	u32 got = 0;

	memcpy(&got, io_exit(c, KVM_EXIT_IO_OUT, port, size), size);
	EQ(got, value);
}

void expect_in(struct vcpu *c, u16 port, int size, u32 answer)
{
	memcpy(io_exit(c, KVM_EXIT_IO_IN, port, size), &answer, size);
}

static void nothing(int sig)
{
}

void catch_alarm(void)
{
	struct sigaction sa = { .sa_handler = nothing };

	OK(sigaction(SIGALRM, &sa, NULL));
}
