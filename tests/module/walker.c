/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest of walker.h, its two programs, and the thread that runs a CPU.
 *
 * walk	goes over the pages from ESI to EDI. Each holds its own address and, in
 *	the lower bits, the number of the round that wrote it last; EBX is that
 *	number. A page that the host has given back reads as zero, which is good
 *	too. Anything else is somebody else's page, or an old one.
 * peek	reads the word at ESI for ever: it must be EDI (there is a slot) or EBX
 *	(there is none: the host program answers).
 */
#include <signal.h>

#include "walker.h"

__asm__(".section .rodata\n"
	".code32\n"
	".globl guest_walk, guest_walk_end, guest_peek, guest_peek_end\n"
	"guest_walk:\n"
	"1:	mov	%esi, %ecx\n"
	"2:	mov	(%ecx), %eax\n"
	"	test	%eax, %eax\n"
	"	jz	3f\n"
	"	mov	%ecx, %edx\n"
	"	or	%ebx, %edx\n"
	"	cmp	%eax, %edx\n"
	"	jne	4f\n"
	"3:	lea	1(%ebx), %edx\n"
	"	and	$0xfff, %edx\n"
	"	or	%ecx, %edx\n"
	"	mov	%edx, (%ecx)\n"
	"	add	$0x1000, %ecx\n"
	"	cmp	%edi, %ecx\n"
	"	jb	2b\n"
	"	inc	%ebx\n"
	"	and	$0xfff, %ebx\n"
	"	mov	%ebx, %eax\n"
	"	out	%eax, $0x10\n"
	"	jmp	1b\n"
	"4:	out	%eax, $0x11\n"
	"	hlt\n"
	"guest_walk_end:\n"
	"guest_peek:\n"
	"1:	mov	$64, %ecx\n"
	"2:	mov	(%esi), %eax\n"
	"	cmp	%edi, %eax\n"
	"	je	3f\n"
	"	cmp	%ebx, %eax\n"
	"	jne	4f\n"
	"3:	dec	%ecx\n"
	"	jnz	2b\n"
	"	out	%eax, $0x10\n"
	"	jmp	1b\n"
	"4:	out	%eax, $0x11\n"
	"	hlt\n"
	"guest_peek_end:\n"
	".code64\n"
	".text\n");

int tap_failed;
static int tap_count;

void ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	tap_failed += !good;
}

int tap_end(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

void need(bool good, const char *what)
{
	if (good)
		return;
	printf("not ok - %s: %s\n", what, strerror(errno));
	exit(1);
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int guest_slot(struct guest *g, int slot, uint64_t at, size_t size, void *mem, int flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = at, .memory_size = size,
		.userspace_addr = (uintptr_t)mem,
	};

	return ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

char *aligned(size_t size, int flags, int fd)
{
	size_t huge = 2 << 20;
	uintptr_t at;
	char *p = mmap(NULL, size + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	need(p != MAP_FAILED, "address space");
	at = ((uintptr_t)p + huge - 1) & ~(huge - 1);
	p = mmap((void *)at, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	need(p != MAP_FAILED, "memory");
	return p;
}

void guest_open(struct guest *g, size_t size, void *mem)
{
	const char *device = getenv("KVM_DEVICE");

	g->kvm = open(device ? device : "/dev/kvm", O_RDWR | O_CLOEXEC);
	need(g->kvm >= 0, "/dev/kvm opens");
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	need(g->vm >= 0, "KVM_CREATE_VM");
	g->size = size;
	g->mem = mem ? mem : aligned(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	need(!guest_slot(g, 0, 0, size, g->mem, 0), "KVM_SET_USER_MEMORY_REGION");
}

void guest_close(struct guest *g)
{
	close(g->vm);
	close(g->kvm);
	munmap(g->mem, g->size);
}

void vcpu_open(struct vcpu *v, struct guest *g, int id, const char *code, const char *end,
	       uint32_t esi, uint32_t edi, uint32_t ebx)
{
	uint32_t at = CODE_AT + 0x1000u * (uint32_t)id;
	struct kvm_segment flat = { .limit = ~0u, .selector = 8, .present = 1, .s = 1, .db = 1,
				    .g = 1 };
	struct kvm_regs regs = { .rip = at, .rflags = 2, .rsi = esi, .rdi = edi, .rbx = ebx };
	struct kvm_sregs sregs;
	long size;

	memset(v, 0, sizeof(*v));
	v->g = g;
	v->fd = ioctl(g->vm, KVM_CREATE_VCPU, id);
	need(v->fd >= 0, "KVM_CREATE_VCPU");
	size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	need(v->run != MAP_FAILED, "the vCPU's page");
	memcpy(g->mem + at, code, end - code);
	need(!ioctl(v->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = sregs.ds = sregs.es = sregs.ss = flat;
	sregs.cs.type = 11;
	sregs.ds.type = sregs.es.type = sregs.ss.type = 3;
	sregs.cr0 |= 1;
	need(!ioctl(v->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	need(!ioctl(v->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void nothing(int sig)
{
	(void)sig;
}

/* One exit; false ends the thread. */
static bool handle(struct vcpu *v)
{
	uint32_t value;

	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		memcpy(&value, (char *)v->run + v->run->io.data_offset, 4);
		if (v->run->io.port == PORT_BAD) {
			v->bad = 1;
			v->bad_seen = value;
			return false;
		}
		v->rounds++;
		return true;
	case KVM_EXIT_MMIO:
		v->mmio++;
		memcpy(v->run->mmio.data, &v->mmio_value, v->run->mmio.len);
		return true;
	case KVM_EXIT_INTR:
		return true;
	}
	printf("# exit reason %u\n", v->run->exit_reason);
	v->bad = 2;
	return false;
}

static void *loop(void *arg)
{
	struct vcpu *v = arg;

	while (!v->stop) {
		int ret = ioctl(v->fd, KVM_RUN, 0);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0) {
			printf("# KVM_RUN: %s\n", strerror(errno));
			v->bad = 3;
			break;
		}
		if (!handle(v))
			break;
	}
	return NULL;
}

void vcpu_start(struct vcpu *v)
{
	struct sigaction act = { .sa_handler = nothing };

	sigaction(SIGUSR1, &act, NULL);
	need(!pthread_create(&v->thread, NULL, loop, v), "a thread");
}

void vcpu_stop(struct vcpu *v)
{
	v->stop = true;
	v->run->immediate_exit = 1;
	pthread_kill(v->thread, SIGUSR1);
	pthread_join(v->thread, NULL);
	munmap(v->run, ioctl(v->g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(v->fd);
}
