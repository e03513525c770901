/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ioeventfd and irqfd: exits and interrupts that need no thread to stop. */
#include "api.h"

static int ioevent(struct vm *vm, int fd, u64 addr, u32 len, u32 flags, u64 match)
{
	struct kvm_ioeventfd e = { .addr = addr, .len = len, .fd = fd, .flags = flags,
				   .datamatch = match };

	return ioctl(vm->fd, KVM_IOEVENTFD, &e);
}

#define PIO KVM_IOEVENTFD_FLAG_PIO
#define MATCH KVM_IOEVENTFD_FLAG_DATAMATCH
#define DEASSIGN KVM_IOEVENTFD_FLAG_DEASSIGN

static u64 count(int fd)
{
	u64 v = 0;

	if (read(fd, &v, 8) != 8)
		v = 0;
	return v;
}

static int event(void)
{
	return OK(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static void ioeventfd_refused(void)
{
	struct vm vm;
	int e = event();

	vm_make(&vm, IRQCHIP_NONE);
	REFUSED(ioevent(&vm, e, 0x10, 3, PIO, 0), EINVAL);
	REFUSED(ioevent(&vm, e, 0x10, 1, 0x1000, 0), EINVAL);
	REFUSED(ioevent(&vm, e, ~0ull, 2, 0, 0), EINVAL);
	REFUSED(ioevent(&vm, e, 0x10, 0, PIO | MATCH, 0), EINVAL);
	REFUSED(ioevent(&vm, 999, 0x10, 1, PIO, 0), EBADF);
	REFUSED(ioevent(&vm, OK(open("/dev/null", O_RDWR)), 0x10, 1, PIO, 0), EINVAL);
	REFUSED(ioevent(&vm, e, 0x10, 1, PIO | DEASSIGN, 0), ENOENT);
	OK(ioevent(&vm, e, 0x10, 1, PIO, 0));
	REFUSED(ioevent(&vm, event(), 0x10, 1, PIO, 0), EEXIST);
	REFUSED(ioevent(&vm, event(), 0x10, 1, PIO | MATCH, 5), EEXIST); /* any value is taken */
	OK(ioevent(&vm, e, 0x10, 1, 0, 0)); /* the other bus */
	OK(ioevent(&vm, e, 0x10, 1, PIO | DEASSIGN, 0));
	OK(ioevent(&vm, e, 0x10, 1, PIO | MATCH, 5));
	OK(ioevent(&vm, event(), 0x10, 1, PIO | MATCH, 6));
}

GUEST(ef_pio, 16, "mov $5, %ax\n out %al, $0x10\n mov $6, %ax\n out %al, $0x10\n out %ax, $0x10\n"
		  "in $0x10, %al\n hlt");

static void ioeventfd_pio(void)
{
	struct box b;
	int e = event();

	BOX(&b, IRQCHIP_NONE, REAL16, ef_pio);
	OK(ioevent(&b.vm, e, 0x10, 1, PIO, 0));
	expect_out(&b.cpu, 0x10, 2, 6); /* another size is not its */
	EQ(count(e), 2);
	expect_in(&b.cpu, 0x10, 1, 0); /* nor a read */
	finish(&b.cpu);
	EQ(count(e), 0);
}

static void ioeventfd_datamatch(void)
{
	struct box b;
	int e5 = event();

	BOX(&b, IRQCHIP_NONE, REAL16, ef_pio);
	OK(ioevent(&b.vm, e5, 0x10, 1, PIO | MATCH, 5));
	expect_out(&b.cpu, 0x10, 1, 6);
	EQ(count(e5), 1);
}

GUEST(ef_mmio, 64, "mov $0x10000000, %edi\n mov $7, %eax\n mov %eax, (%rdi)\n mov %rax, (%rdi)\n"
		   "mov %al, (%rdi)\n mov (%rdi), %eax\n hlt");

static void ioeventfd_mmio(void)
{
	struct box b;
	int e = event();

	BOX(&b, IRQCHIP_NONE, LONG64, ef_mmio);
	OK(ioevent(&b.vm, e, HOLE, 4, 0, 0));
	run_until(&b.cpu, KVM_EXIT_MMIO);
	EQ(b.cpu.run->mmio.len, 8);
	EQ(count(e), 1);
	run_until(&b.cpu, KVM_EXIT_MMIO);
	EQ(b.cpu.run->mmio.len, 1);
	run_until(&b.cpu, KVM_EXIT_MMIO);
	EQ(b.cpu.run->mmio.is_write, 0);
	finish(&b.cpu);
}

static void ioeventfd_any_length(void)
{
	struct box b;
	int e = event();

	NEED(KVM_CAP_IOEVENTFD_ANY_LENGTH);
	BOX(&b, IRQCHIP_NONE, LONG64, ef_mmio);
	OK(ioevent(&b.vm, e, HOLE, 0, 0, 0));
	run_until(&b.cpu, KVM_EXIT_MMIO);
	EQ(b.cpu.run->mmio.is_write, 0);
	EQ(count(e), 3);
}

static void ioeventfd_unassigned(void)
{
	struct box b;
	int e = event();

	BOX(&b, IRQCHIP_NONE, REAL16, ef_pio);
	OK(ioevent(&b.vm, e, 0x10, 1, PIO, 0));
	OK(ioevent(&b.vm, e, 0x10, 1, PIO | DEASSIGN, 0));
	expect_out(&b.cpu, 0x10, 1, 5);
	EQ(count(e), 0);
}

static void ioeventfd_survives_close(void)
{
	struct box b;
	int e = event(), d = OK(dup(e));

	BOX(&b, IRQCHIP_NONE, REAL16, ef_pio);
	OK(ioevent(&b.vm, e, 0x10, 1, PIO, 0));
	OK(close(e)); /* the machine holds the eventfd, not the number */
	expect_out(&b.cpu, 0x10, 2, 6);
	EQ(count(d), 2);
}

static int irqfd(struct vm *vm, int fd, u32 gsi, u32 flags, int resample)
{
	struct kvm_irqfd i = { .fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample };

	return ioctl(vm->fd, KVM_IRQFD, &i);
}

static void irqfd_refused(void)
{
	struct vm none, vm;
	int e = event();

	vm_make(&none, IRQCHIP_NONE);
	REFUSED(irqfd(&none, e, 5, 0, 0), EINVAL);
	vm_make(&vm, IRQCHIP_KERNEL);
	REFUSED(irqfd(&vm, 999, 5, 0, 0), EBADF);
	REFUSED(irqfd(&vm, OK(open("/dev/null", O_RDWR)), 5, 0, 0), EINVAL);
	REFUSED(irqfd(&vm, e, 5, 0x80, 0), EINVAL);
	OK(irqfd(&vm, e, 5, 0, 0));
	REFUSED(irqfd(&vm, e, 5, 0, 0), EBUSY);
	OK(irqfd(&vm, e, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	OK(irqfd(&vm, e, 5, 0, 0));
}

GUEST(ef_pic, 16,
      "mov $0x11, %al\n out %al, $0x20\n mov $0x40, %al\n out %al, $0x21\n mov $4, %al\n"
      "out %al, $0x21\n mov $1, %al\n out %al, $0x21\n mov $0xdf, %al\n out %al, $0x21\n"
      "mov $1, %al\n out %al, $0xee\n sti\n 1: hlt\n jmp 1b");
GUEST(ef_pic_handler, 16, "mov $0x5a, %al\n out %al, $0xef\n mov $0x20, %al\n out %al, $0x20\n iret");

static void pic_box(struct box *b)
{
	BOX(b, IRQCHIP_KERNEL, REAL16, ef_pic);
	LOAD(&b->vm, HANDLERS, ef_pic_handler);
	idt_set(&b->vm, REAL16, 0x45, 0x30000000);
	expect_out(&b->cpu, 0xee, 1, 1);
}

static void kick(int fd)
{
	u64 one = 1;

	EQ(OK(write(fd, &one, 8)), 8);
}

static void irqfd_injects(void)
{
	struct box b;
	int e = event();

	pic_box(&b);
	OK(irqfd(&b.vm, e, 5, 0, 0));
	for (int i = 0; i < 5; i++) {
		kick(e);
		expect_out(&b.cpu, 0xef, 1, 0x5a);
	}
	EQ(count(e), 0); /* taken */
}

static void *kick_later(void *arg)
{
	usleep(50000);
	kick(*(int *)arg);
	return NULL;
}

static void irqfd_wakes(void)
{
	struct box b;
	int e = event();
	pthread_t t;

	pic_box(&b);
	OK(irqfd(&b.vm, e, 5, 0, 0));
	pthread_create(&t, NULL, kick_later, &e);
	expect_out(&b.cpu, 0xef, 1, 0x5a); /* halted meanwhile */
	pthread_join(t, NULL);
}

static void irqfd_pending_before(void)
{
	struct box b;
	int e = event();

	pic_box(&b);
	kick(e);
	OK(irqfd(&b.vm, e, 5, 0, 0)); /* what came before counts */
	expect_out(&b.cpu, 0xef, 1, 0x5a);
}

static void irqfd_resample(void)
{
	struct pollfd p = { .events = POLLIN };
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	struct box b;
	int e = event(), r = event();

	NEED(KVM_CAP_IRQFD_RESAMPLE);
	pic_box(&b);
	OK(ioctl(b.vm.fd, KVM_GET_IRQCHIP, &c));
	c.chip.pic.elcr = 0x20; /* level */
	OK(ioctl(b.vm.fd, KVM_SET_IRQCHIP, &c));
	REFUSED(irqfd(&b.vm, e, 5, KVM_IRQFD_FLAG_RESAMPLE, 999), EBADF);
	OK(irqfd(&b.vm, e, 5, KVM_IRQFD_FLAG_RESAMPLE, r));
	kick(e);
	expect_out(&b.cpu, 0xef, 1, 0x5a);
	EQ(count(r), 0);
	b.cpu.run->immediate_exit = 0;
	/* The EOI lowers the line and says so; the guest then halts: look from here. */
	catch_alarm();
	ualarm(200000, 200000);
	EQ(run_once(&b.cpu), -EINTR);
	p.fd = r;
	EQ(poll(&p, 1, 1000), 1);
	EQ(count(r), 1);
}

/* Line 5 is, or becomes within a second, so. */
static bool line5(struct vm *vm, bool up)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	for (int i = 0; i < 1000; i++) {
		OK(ioctl(vm->fd, KVM_GET_IRQCHIP, &c));
		if (!(c.chip.pic.irr & 0x20) == !up)
			return true;
		usleep(1000);
	}
	return false;
}

static void irqfd_closed(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	int e = event(), other = event(), r = event();
	struct box b;

	NEED(KVM_CAP_IRQFD_RESAMPLE);
	pic_box(&b);
	OK(ioctl(b.vm.fd, KVM_GET_IRQCHIP, &c));
	c.chip.pic.elcr = 0x20; /* level */
	OK(ioctl(b.vm.fd, KVM_SET_IRQCHIP, &c));
	OK(irqfd(&b.vm, e, 5, KVM_IRQFD_FLAG_RESAMPLE, r));
	OK(irqfd(&b.vm, other, 5, KVM_IRQFD_FLAG_RESAMPLE, r));
	kick(e);
	CHECK(line5(&b.vm, true));
	OK(irqfd(&b.vm, other, 5, KVM_IRQFD_FLAG_DEASSIGN, r));
	CHECK(line5(&b.vm, true)); /* the first still holds it */
	close(e);
	CHECK(line5(&b.vm, false));
}

static void irqfd_to_msi(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e;
	} r = { .head.nr = 1 };
	struct box b;
	int e = event();

	BOX(&b, IRQCHIP_KERNEL, REAL16, ef_pic);
	LOAD(&b.vm, HANDLERS, ef_pic_handler);
	idt_set(&b.vm, REAL16, 0x46, 0x30000000);
	expect_out(&b.cpu, 0xee, 1, 1);
	r.e.gsi = 24;
	r.e.type = KVM_IRQ_ROUTING_MSI;
	r.e.u.msi.address_lo = 0xfee00000;
	r.e.u.msi.data = 0x46;
	OK(ioctl(b.vm.fd, KVM_SET_GSI_ROUTING, &r));
	{
		struct kvm_lapic_state s;

		OK(ioctl(b.cpu.fd, KVM_GET_LAPIC, &s));
		*(u32 *)(s.regs + 0xf0) = 0x1ff;
		OK(ioctl(b.cpu.fd, KVM_SET_LAPIC, &s));
	}
	OK(irqfd(&b.vm, e, 24, 0, 0));
	kick(e);
	expect_out(&b.cpu, 0xef, 1, 0x5a);
}

static const struct api_test rows[] = {
	{ "eventfd/io-refused", ioeventfd_refused, "lengths, flags, twice, absent" },
	{ "eventfd/io-pio", ioeventfd_pio, "a write of its size signals without an exit" },
	{ "eventfd/io-datamatch", ioeventfd_datamatch, "only its value" },
	{ "eventfd/io-mmio", ioeventfd_mmio, "on the memory bus" },
	{ "eventfd/io-any-length", ioeventfd_any_length, "length 0 takes any size" },
	{ "eventfd/io-deassign", ioeventfd_unassigned, "exits again" },
	{ "eventfd/io-close", ioeventfd_survives_close, "closing the number changes nothing" },
	{ "eventfd/irq-refused", irqfd_refused, "no irqchip, no eventfd, flags, twice" },
	{ "eventfd/irq", irqfd_injects, "a write is an interrupt" },
	{ "eventfd/irq-wakes", irqfd_wakes, "a halted vCPU wakes" },
	{ "eventfd/irq-before", irqfd_pending_before, "what was signalled before counts" },
	{ "eventfd/irq-resample", irqfd_resample, "EOI signals the other eventfd" },
	{ "eventfd/irq-close", irqfd_closed, "nobody holds the line when the eventfd is closed" },
	{ "eventfd/irq-msi", irqfd_to_msi, "routed to a message" },
};

SUITE(eventfd_suite, rows);
