/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ioctls of a 32-bit program: a call of the 32-bit kernel interface (int 0x80), with a 32-bit
 * layout, from this one. KVM_X86_SET_MSR_FILTER is the one whose layout, and number, differs.
 * row: seconds=5
 */
#include "walker.h"

#define MSR_SYSENTER_ESP 0x175

struct filter_32 {
	uint32_t flags;
	struct {
		uint32_t flags, nmsrs, base, bitmap;
	} ranges[KVM_MSR_FILTER_MAX_RANGES];
};
#define SET_MSR_FILTER_32 _IOW(KVMIO, 0xc6, struct filter_32)

/* RDMSR of two MSRs, each said to the host program if it may be read. */
extern const char guest_code[], guest_code_end[];
__asm__(".pushsection .rodata\n"
	"guest_code: .code32\n"
	"mov $0x174, %ecx\n rdmsr\n out %al, $0x10\n"
	"inc %ecx\n rdmsr\n out %al, $0x10\n hlt\n"
	"guest_code_end: .code64\n"
	".popsection");

static int ioctl_32(int fd, uint32_t cmd, void *arg)
{
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "0"(54), "b"(fd), "c"(cmd), "d"((uint32_t)(uintptr_t)arg)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

int main(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_FILTER } };
	struct filter_32 *f = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint8_t *bitmap = (uint8_t *)f + 4096;
	struct guest g;
	struct vcpu v;

	need(f != MAP_FAILED, "memory below 4 GiB");
	guest_open(&g, 4 << 20, NULL);
	vcpu_open(&v, &g, 0, guest_code, guest_code_end, 0, 0, 0);
	ok(!ioctl(g.vm, KVM_ENABLE_CAP, &cap), "filtered MSRs are the host program's");
	f->ranges[15].flags = KVM_MSR_FILTER_READ;
	f->ranges[15].base = MSR_SYSENTER_ESP;
	f->ranges[15].nmsrs = 1;
	f->ranges[15].bitmap = (uintptr_t)bitmap;
	ok(!ioctl_32(g.vm, SET_MSR_FILTER_32, f), "a filter in the 32-bit layout is taken");
	ok(!ioctl(v.fd, KVM_RUN, 0) && v.run->exit_reason == KVM_EXIT_IO,
	   "an MSR that is not in it is read");
	ok(!ioctl(v.fd, KVM_RUN, 0) && v.run->exit_reason == KVM_EXIT_X86_RDMSR &&
		   v.run->msr.index == MSR_SYSENTER_ESP,
	   "the one that is exits");
	f->flags = 2;
	ok(ioctl_32(g.vm, SET_MSR_FILTER_32, f) == -EINVAL, "unknown flags are refused");
	ok(ioctl_32(g.vm, SET_MSR_FILTER_32, NULL) == -EFAULT, "no memory there");
	ok(ioctl(g.vm, SET_MSR_FILTER_32, f) == -1 && errno == ENOTTY,
	   "a 64-bit program's call has no such number");
	return tap_end();
}
