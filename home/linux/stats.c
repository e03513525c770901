// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of each VM in debugfs, in a directory of the device's name: one
 * directory a VM, called by its maker's process id and descriptor, with its
 * own counters and a directory for each vCPU. They are the ones that
 * KVM_GET_STATS_FD gives; debugfs fails for nobody's harm.
 */
#include <linux/debugfs.h>
#include <linux/sched.h>
#include "core.h"
#include "module.h"

static struct dentry *top;

void stats_init(void)
{
	top = debugfs_create_dir(device_name, NULL);
}

void stats_exit(void)
{
	debugfs_remove_recursive(top);
}

static void fill(struct dentry *dir, enum plat_file_kind kind, void *obj)
{
	const char *name;
	const u64 *val;
	u32 i;

	for (i = 0; (val = core_stat(kind, obj, i, &name)); i++)
		debugfs_create_u64(name, 0444, dir, (u64 *)val);
}

struct dentry *stats_vm(int fd, void *vm)
{
	struct dentry *dir;
	char name[24];

	if (IS_ERR_OR_NULL(top))
		return NULL;
	snprintf(name, sizeof(name), "%d-%d", task_pid_nr(current), fd);
	/* The number is free again, the VM that had it lives on behind another: it stays. */
	dir = debugfs_lookup(name, top);
	if (dir) {
		dput(dir);
		return NULL;
	}
	dir = debugfs_create_dir(name, top);
	if (!IS_ERR(dir))
		fill(dir, PLAT_FILE_VM, vm);
	return dir;
}

struct dentry *stats_vcpu(struct dentry *vm, void *vcpu)
{
	struct vcpu_head *v = vcpu;
	struct dentry *dir;
	char name[16];

	if (IS_ERR_OR_NULL(vm))
		return NULL;
	snprintf(name, sizeof(name), "vcpu%u", v->id);
	dir = debugfs_create_dir(name, vm);
	if (!IS_ERR(dir))
		fill(dir, PLAT_FILE_VCPU, vcpu);
	return dir;
}

void stats_remove(struct dentry *d)
{
	debugfs_remove_recursive(d);
}
