// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guest memory, the interrupt controllers and their wiring.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "host/bus/bus.h"
#include "host/report.h"
#include "host/vm.h"

#define HUGE_PAGE (2ull << 20)
#define NR_IOAPIC_PINS 24

static struct kvm_irqchip first_irqchip[3];
static struct kvm_pit_state2 first_pit;

/* --- memory --- */

void ram_map(struct vm *vm, uint64_t size)
{
	/* The translator maps it a second time, which only shared memory allows. */
	int kind = vm->accel->shared_memory ? MAP_SHARED : MAP_PRIVATE;
	uint8_t *p, *aligned;

	/*
	 * Not MAP_NORESERVE: a size that the host can never give should fail here, in one line, and
	 * not in the middle of the guest's work.
	 */
	p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("-m: the host cannot give %llu MiB of memory (%s); ask for less",
		    (unsigned long long)(size >> 20), strerror(errno));
	aligned = (uint8_t *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	if (aligned > p)
		munmap(p, (size_t)(aligned - p));
	if (p + HUGE_PAGE > aligned)
		munmap(aligned + size, (size_t)(p + HUGE_PAGE - aligned));
	madvise(aligned, size, MADV_HUGEPAGE);
	/* A core file would have it as often as it is mapped. */
	if (kind == MAP_SHARED)
		madvise(aligned, size, MADV_DONTDUMP);
	vm->ram = aligned;
	vm->ram_size = size;
	vm->low_size = size < LOW_RAM_MAX ? size : LOW_RAM_MAX;
	vm->high_size = size - vm->low_size;
}

void *ram_at(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	if (gpa <= vm->low_size && len <= vm->low_size - gpa) {
		if (gpa < VGA_END && gpa + len > VGA_BASE)
			return NULL;
		return vm->ram + gpa;
	}
	if (gpa >= HIGH_RAM_BASE && gpa - HIGH_RAM_BASE <= vm->high_size &&
	    len <= vm->high_size - (gpa - HIGH_RAM_BASE))
		return vm->ram + vm->low_size + (gpa - HIGH_RAM_BASE);
	return NULL;
}

void ram_written(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	vm->accel->memory_written(vm->fd, gpa, len);
}

void ram_write(const struct vm *vm, uint64_t gpa, const void *data, uint64_t len)
{
	void *p = ram_at(vm, gpa, len);

	if (!p)
		die("the guest's memory ends before %#llx; give more with -m",
		    (unsigned long long)(gpa + len));
	memcpy(p, data, len);
	ram_written(vm, gpa, len);
}

/* --- the machine's chips --- */

int vm_must(const struct vm *vm, unsigned long request, void *arg, const char *what)
{
	int ret = vm->accel->ioctl(vm->fd, request, arg);

	if (ret < 0)
		die("-accel %s: %s fails: %s", vm->accel->name, what, strerror(-ret));
	return ret;
}

/*
 * The wiring of a PC with an IOAPIC: interrupt request n goes to the two PICs and to pin n, but
 * the timer's, request 0, to pin 2, where the PICs' own output would be (the MADT says so too).
 */
static void set_routing(const struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[16 + NR_IOAPIC_PINS];
	} r = { .head = { .nr = 0 } };
	unsigned int gsi;

	for (gsi = 0; gsi < 16; gsi++) {
		if (gsi == 2)
			continue;
		r.entry[r.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			.u.irqchip.pin = gsi & 7,
		};
	}
	for (gsi = 0; gsi < NR_IOAPIC_PINS; gsi++) {
		if (gsi == 2)
			continue;
		r.entry[r.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC,
			.u.irqchip.pin = gsi ? gsi : 2,
		};
	}
	vm_must(vm, KVM_SET_GSI_ROUTING, &r, "KVM_SET_GSI_ROUTING");
}

void vm_create(struct vm *vm)
{
	/* Port 61h, the speaker's gate, belongs to the timer; the guest calibrates clocks with it. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity = KVM_IDENTITY_BASE;
	unsigned int i;

	vm->fd = accel_ioctl_val(vm->accel, vm->sys_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("-accel %s: KVM_CREATE_VM fails: %s", vm->accel->name, strerror(-vm->fd));
	vm_must(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity, "KVM_SET_IDENTITY_MAP_ADDR");
	vm_must(vm, KVM_SET_TSS_ADDR, (void *)KVM_TSS_BASE, "KVM_SET_TSS_ADDR");
	vm_must(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	vm_must(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
	set_routing(vm);
	for (i = 0; i < ARRAY_SIZE(first_irqchip); i++) {
		first_irqchip[i].chip_id = i;
		vm_must(vm, KVM_GET_IRQCHIP, &first_irqchip[i], "KVM_GET_IRQCHIP");
	}
	vm_must(vm, KVM_GET_PIT2, &first_pit, "KVM_GET_PIT2");
}

void vm_reset_irqchip(const struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(first_irqchip); i++)
		vm_must(vm, KVM_SET_IRQCHIP, &first_irqchip[i], "KVM_SET_IRQCHIP");
	vm_must(vm, KVM_SET_PIT2, &first_pit, "KVM_SET_PIT2");
}

void vm_replace_pit(const struct vm *vm, bool replaced)
{
	struct kvm_pit_state2 pit;

	vm_must(vm, KVM_GET_PIT2, &pit, "KVM_GET_PIT2");
	if (replaced)
		pit.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	else
		pit.flags &= ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY;
	vm_must(vm, KVM_SET_PIT2, &pit, "KVM_SET_PIT2");
}

void vm_set_gsi(const struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	vm_must(vm, KVM_IRQ_LINE, &irq, "KVM_IRQ_LINE");
}
