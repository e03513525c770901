// SPDX-License-Identifier: GPL-2.0
/*
 * The core's objects behind file descriptors: VMs, vCPUs, statistics.
 *
 * An ioctl that makes an object makes its file while the object is still being
 * built, and may then fail. A descriptor that another thread could already
 * use would let it in too early, so plat_file_create only reserves one; it is
 * installed when the ioctl has returned from the core. The few in between are
 * in a list, by thread.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include "core.h"
#include "module.h"

struct plat_file {
	const struct plat_file_ops *ops;
	void *obj;			/* NULL: cancelled */
	struct mm_struct *mm;		/* whose memory the VM's is: its creator's, counted */
	struct dentry *stats;

	/* until it is installed */
	struct file *file;
	int fd;
	struct task_struct *maker;
	struct list_head pending;
};

static LIST_HEAD(pending);
static DEFINE_SPINLOCK(pending_lock);

static const struct file_operations file_fops;
static const struct file_operations stats_fops;

int plat_file_create(const char *name, const struct plat_file_ops *ops, void *obj,
		     struct plat_file **file)
{
	const struct file_operations *fops =
		ops->kind == PLAT_FILE_STATS ? &stats_fops : &file_fops;
	struct plat_file *pf = kzalloc(sizeof(*pf), GFP_KERNEL_ACCOUNT);
	int err;

	if (!pf)
		return -ENOMEM;
	pf->ops = ops;
	pf->obj = obj;
	pf->fd = get_unused_fd_flags(O_CLOEXEC);
	if (pf->fd < 0) {
		err = pf->fd;
		kfree(pf);
		return err;
	}
	pf->file = anon_inode_getfile(name, fops, pf,
				      ops->kind == PLAT_FILE_STATS ? O_RDONLY : O_RDWR);
	if (IS_ERR(pf->file)) {
		err = PTR_ERR(pf->file);
		put_unused_fd(pf->fd);
		kfree(pf);
		return err;
	}
	/* Statistics are read at any offset. */
	if (ops->kind == PLAT_FILE_STATS)
		pf->file->f_mode |= FMODE_PREAD;
	pf->mm = current->mm;
	mmgrab(pf->mm);
	pf->maker = current;
	spin_lock(&pending_lock);
	list_add(&pf->pending, &pending);
	spin_unlock(&pending_lock);
	*file = pf;
	return pf->fd;
}

static void take_pending(struct plat_file *pf)
{
	spin_lock(&pending_lock);
	list_del(&pf->pending);
	spin_unlock(&pending_lock);
}

void plat_file_cancel(struct plat_file *pf, int fd)
{
	take_pending(pf);
	put_unused_fd(fd);
	pf->obj = NULL;
	fput(pf->file);
}

static void install_pending(struct plat_file *parent)
{
	struct plat_file *pf;

	spin_lock(&pending_lock);
	list_for_each_entry(pf, &pending, pending)
		if (pf->maker == current)
			break;
	spin_unlock(&pending_lock);
	if (list_entry_is_head(pf, &pending, pending))
		return;
	take_pending(pf);
	if (pf->ops->kind == PLAT_FILE_VM)
		pf->stats = stats_vm(pf->fd, pf->obj);
	else if (pf->ops->kind == PLAT_FILE_VCPU)
		pf->stats = stats_vcpu(parent->stats, pf->obj);
	fd_install(pf->fd, pf->file);
}

static int file_release(struct inode *inode, struct file *f)
{
	struct plat_file *pf = f->private_data;

	/* A vCPU's directory is in its VM's, and goes with that. */
	if (pf->ops->kind == PLAT_FILE_VM)
		stats_remove(pf->stats);
	if (pf->obj)
		pf->ops->release(pf->obj);
	mmdrop(pf->mm);
	kfree(pf);
	return 0;
}

/* ---- ioctl ---- */

long file_system_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	long ret = core_ioctl(PLAT_FILE_SYSTEM, NULL, cmd, arg);

	if (unlikely(!list_empty(&pending)))
		install_pending(NULL);
	return ret;
}

static long file_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct plat_file *pf = f->private_data;
	long ret;

	if (unlikely(pf->mm != current->mm))
		return -EIO;
	ret = core_ioctl(pf->ops->kind, pf->obj, cmd, arg);
	if (unlikely(!list_empty(&pending)))
		install_pending(pf);
	return ret;
}

#ifdef CONFIG_COMPAT
/*
 * A 32-bit program's ioctl. Its structs are ours, but for those that hold a pointer: in a union
 * with a u64 the core takes care of it (plat_user_pointer); one as it is makes another layout, and
 * so another number.
 */
struct msr_filter_32 {
	u32 flags;
	struct {
		u32 flags, nmsrs, base;
		compat_uptr_t bitmap;
	} ranges[KVM_MSR_FILTER_MAX_RANGES];
};
#define KVM_X86_SET_MSR_FILTER_32 _IOW(KVMIO, 0xc6, struct msr_filter_32)

static long set_msr_filter_32(struct plat_file *pf, const void __user *arg)
{
	struct kvm_msr_filter filter = {};
	struct msr_filter_32 from;
	int i;

	if (copy_from_user(&from, arg, sizeof(from)))
		return -EFAULT;
	filter.flags = from.flags;
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		filter.ranges[i].flags = from.ranges[i].flags;
		filter.ranges[i].nmsrs = from.ranges[i].nmsrs;
		filter.ranges[i].base = from.ranges[i].base;
		filter.ranges[i].bitmap = (__force u8 *)compat_ptr(from.ranges[i].bitmap);
	}
	return core_ioctl_copied(PLAT_FILE_VM, pf->obj, KVM_X86_SET_MSR_FILTER, &filter);
}

static long file_compat_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct plat_file *pf = f->private_data;

	if (cmd != KVM_X86_SET_MSR_FILTER_32 || pf->ops->kind != PLAT_FILE_VM)
		return file_ioctl(f, cmd, arg);
	return pf->mm == current->mm ? set_msr_filter_32(pf, compat_ptr(arg)) : -EIO;
}
#else
#define file_compat_ioctl NULL
#endif

u64 plat_user_pointer(u64 val)
{
	return in_compat_syscall() ? (u32)val : val;
}

/* ---- mmap ---- */

static vm_fault_t shared_fault(struct vm_fault *vmf)
{
	struct plat_file *pf = vmf->vma->vm_file->private_data;
	void *p = core_shared_page(pf->ops->kind, pf->obj, vmf->pgoff);

	if (!p)
		return VM_FAULT_SIGBUS;
	vmf->page = vmalloc_to_page(p);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct shared_vm_ops = {
	.fault = shared_fault,
};

static bool shows_dirty_ring(struct plat_file *pf, struct vm_area_struct *vma)
{
	u64 first = vma->vm_pgoff, last = first + vma_pages(vma) - 1;

	return last >= KVM_DIRTY_LOG_PAGE_OFFSET &&
	       (core_shared_page(pf->ops->kind, pf->obj, first) ||
		core_shared_page(pf->ops->kind, pf->obj, last));
}

/* What is mapped past the last page gives SIGBUS when it is touched. */
static int file_mmap(struct file *f, struct vm_area_struct *vma)
{
	struct plat_file *pf = f->private_data;

	if (pf->ops->kind != PLAT_FILE_VCPU)
		return -ENODEV;
	/* A private copy would take no harvested entry back. */
	if (shows_dirty_ring(pf, vma) &&
	    ((vma->vm_flags & VM_EXEC) || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &shared_vm_ops;
	return 0;
}

static const struct file_operations file_fops = {
	.owner = THIS_MODULE,
	.release = file_release,
	.unlocked_ioctl = file_ioctl,
	.compat_ioctl = file_compat_ioctl,
	.mmap = file_mmap,
	.llseek = noop_llseek,
};

/* ---- statistics ---- */

#define STATS_CHUNK 4096u

static ssize_t stats_read(struct file *f, char __user *user, size_t n, loff_t *pos)
{
	struct plat_file *pf = f->private_data;
	size_t done = 0, part;
	void *buf;
	s64 got;

	buf = kmalloc(STATS_CHUNK, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	while (done < n) {
		part = min(n - done, (size_t)STATS_CHUNK);
		got = pf->ops->read(pf->obj, buf, part, *pos);
		if (got <= 0)
			break;
		if (copy_to_user(user + done, buf, got)) {
			kfree(buf);
			return done ? done : -EFAULT;
		}
		done += got;
		*pos += got;
	}
	kfree(buf);
	return done;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.release = file_release,
	.read = stats_read,
	.llseek = noop_llseek,
};
