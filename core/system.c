/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * /dev/kvm itself: the object that makes virtual machines and says what they
 * can do.
 */
#include <linux/kvm.h>
#include "core.h"
#include "ioctl.h"
#include "vcpu.h"
#include "core-int.h"

static const struct engine *the_engine;
static bool engine_ready;

int core_init(const struct engine *engine)
{
	int err;

	if (engine_ready)
		return engine == the_engine ? 0 : -EBUSY;
	err = engine->init ? engine->init() : 0;
	if (err)
		return err;
	the_engine = engine;
	engine_ready = true;
	return 0;
}

void core_exit(void)
{
	if (engine_ready && the_engine->exit)
		the_engine->exit();
	engine_ready = false;
}

const struct engine *core_engine(void)
{
	return the_engine;
}

static void system_release(void *obj)
{
}

static const struct plat_file_ops system_ops = {
	.kind = PLAT_FILE_SYSTEM,
	.release = system_release,
};

int core_create_system(void)
{
	struct plat_file *file;

	if (!engine_ready)
		return -ENODEV;
	return plat_file_create("kvm", &system_ops, NULL, &file);
}

long sys_api_version(void *obj, void *arg, u64 uarg)
{
	return uarg ? -EINVAL : KVM_API_VERSION;
}

long sys_create_vm(void *obj, void *arg, u64 uarg)
{
	if (uarg)	/* no machine types on x86 */
		return -EINVAL;
	if (!engine_ready)
		return -ENODEV;
	return core_vm_create(the_engine);
}

long sys_mmap_size(void *obj, void *arg, u64 uarg)
{
	return uarg ? -EINVAL : VCPU_MMAP_PAGES * PAGE_SIZE;
}

long sys_mce_cap(void *obj, void *arg, u64 uarg)
{
	*(u64 *)arg = x86_mce_cap_supported();
	return 0;
}

/* Group 0 of the system file has one attribute: the XCR0 bits that a guest may be given. */
static int check_attr(const struct kvm_device_attr *a)
{
	if (a->flags)
		return -EINVAL;
	return a->group || a->attr != KVM_X86_XCOMP_GUEST_SUPP ? -ENXIO : 0;
}

long sys_has_attr(void *obj, void *arg, u64 uarg)
{
	return check_attr(arg);
}

long sys_get_attr(void *obj, void *arg, u64 uarg)
{
	const struct kvm_device_attr *a = arg;
	u64 xcr0 = x86_host_xcr0();
	int err = check_attr(a);

	return err ? err : plat_copy_to_user(a->addr, &xcr0, sizeof(xcr0));
}

void *core_shared_page(enum plat_file_kind kind, void *obj, u64 pgoff)
{
	struct vcpu *v = obj;
	u64 ring;

	if (kind != PLAT_FILE_VCPU)
		return NULL;
	if (pgoff == 0)
		return v->run;
	if (pgoff == KVM_PIO_PAGE_OFFSET)
		return v->pio_page;
	if (pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET)
		return v->coalesced;
	ring = v->vm->dirty_ring_size * sizeof(struct kvm_dirty_gfn) / PAGE_SIZE;
	if (v->dirty_ring && pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET &&
	    pgoff - KVM_DIRTY_LOG_PAGE_OFFSET < ring)
		return (u8 *)v->dirty_ring + (pgoff - KVM_DIRTY_LOG_PAGE_OFFSET) * PAGE_SIZE;
	return NULL;
}
