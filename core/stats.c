/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * KVM_GET_STATS_FD: a file that describes itself and then gives the numbers
 * (the kernel's Documentation/virt/kvm/api, 4.133). Header, name, descriptors
 * and data lie one after another; a read is a copy of a part of that.
 */
#include "ioctl.h"
#include "core.h"
#include "core-int.h"

#define NAME_SIZE 48u

struct stat_row {
	const char *name;
	u32 offset;		/* of a u64 in struct vcpu_stats or struct vm_stats */
	u32 flags;
};

#define COUNT (KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10)
#define VCPU_STAT(f) { #f, offsetof(struct vcpu_stats, f), COUNT }
#define VM_STAT(f) { #f, offsetof(struct vm_stats, f), COUNT }

static const struct stat_row vcpu_rows[] = {
	VCPU_STAT(exits), VCPU_STAT(io_exits), VCPU_STAT(mmio_exits), VCPU_STAT(irq_exits),
	VCPU_STAT(halt_exits), VCPU_STAT(signal_exits), VCPU_STAT(injections),
	VCPU_STAT(nmi_injections), VCPU_STAT(tlb_flush), VCPU_STAT(translations),
	VCPU_STAT(invalidations), VCPU_STAT(hypercalls), VCPU_STAT(requests),
	VCPU_STAT(halt_wakeup),
};

static const struct stat_row vm_rows[] = {
	VM_STAT(slots_changes), VM_STAT(irq_lines), VM_STAT(msis), VM_STAT(eventfds),
	VM_STAT(dirty_pages),
};

const u64 *core_stat(enum plat_file_kind kind, void *obj, u32 i, const char **name)
{
	const struct stat_row *r = kind == PLAT_FILE_VM ? vm_rows : vcpu_rows;
	u32 n = kind == PLAT_FILE_VM ? ARRAY_SIZE(vm_rows) : ARRAY_SIZE(vcpu_rows);
	struct vcpu *v = obj;
	struct vm *vm = obj;

	if (i >= n)
		return NULL;
	*name = r[i].name;
	return (const u64 *)((const u8 *)(kind == PLAT_FILE_VM ? (void *)&vm->stats : &v->stats) +
			     r[i].offset);
}

struct stats_file {
	struct plat_file *file;
	struct vm *vm;
	struct vcpu *vcpu;	/* NULL: the VM's */
	char id[NAME_SIZE];
	const struct stat_row *rows;
	u32 n;
	const u8 *data;
};

struct desc {
	struct kvm_stats_desc d;
	char name[NAME_SIZE];
};

static void fill_header(const struct stats_file *s, struct kvm_stats_header *h)
{
	h->flags = 0;
	h->name_size = NAME_SIZE;
	h->num_desc = s->n;
	h->id_offset = sizeof(*h);
	h->desc_offset = h->id_offset + NAME_SIZE;
	h->data_offset = h->desc_offset + s->n * sizeof(struct desc);
}

static void fill_desc(const struct stats_file *s, u32 i, struct desc *d)
{
	u32 k;

	memset(d, 0, sizeof(*d));
	d->d.flags = s->rows[i].flags;
	d->d.size = 1;
	d->d.offset = i * sizeof(u64);
	for (k = 0; k < NAME_SIZE - 1 && s->rows[i].name[k]; k++)
		d->name[k] = s->rows[i].name[k];
}

/* Copy what of @part, which lies at @at in the file, falls into the read. */
static void give(u8 *buf, size_t n, u64 offset, const void *part, u64 at, size_t size)
{
	u64 lo = max(offset, at), hi = min(offset + n, at + size);

	if (lo < hi)
		memcpy(buf + (lo - offset), (const u8 *)part + (lo - at), hi - lo);
}

static s64 stats_read(void *obj, void *buf, size_t n, u64 offset)
{
	const struct stats_file *s = obj;
	struct kvm_stats_header h;
	struct desc d;
	u64 end, val;
	u32 i;

	fill_header(s, &h);
	end = h.data_offset + s->n * sizeof(u64);
	if (offset >= end)
		return 0;
	n = min((u64)n, end - offset);
	give(buf, n, offset, &h, 0, sizeof(h));
	give(buf, n, offset, s->id, h.id_offset, NAME_SIZE);
	for (i = 0; i < s->n; i++) {
		fill_desc(s, i, &d);
		give(buf, n, offset, &d, h.desc_offset + i * sizeof(d), sizeof(d));
		val = READ_ONCE(*(const u64 *)(s->data + s->rows[i].offset));
		give(buf, n, offset, &val, h.data_offset + i * sizeof(val), sizeof(val));
	}
	return n;
}

static void stats_release(void *obj)
{
	struct stats_file *s = obj;

	vm_put(s->vm);
	plat_free(s);
}

static const struct plat_file_ops stats_ops = {
	.kind = PLAT_FILE_STATS,
	.release = stats_release,
	.read = stats_read,
};

static long open_stats(struct stats_file *s)
{
	int fd;

	vm_get(s->vm);
	fd = plat_file_create(s->vcpu ? "kvm-vcpu-stats" : "kvm-vm-stats", &stats_ops, s, &s->file);
	if (fd < 0) {
		vm_put(s->vm);
		plat_free(s);
	}
	return fd;
}

long vm_stats_fd(void *obj, void *arg, u64 uarg)
{
	struct stats_file *s = plat_alloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->vm = obj;
	s->rows = vm_rows;
	s->n = ARRAY_SIZE(vm_rows);
	s->data = (const u8 *)&s->vm->stats;
	plat_snprintf(s->id, sizeof(s->id), "kvm-vm");
	return open_stats(s);
}

long vcpu_stats_fd(void *obj, void *arg, u64 uarg)
{
	struct stats_file *s = plat_alloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->vcpu = obj;
	s->vm = s->vcpu->vm;
	s->rows = vcpu_rows;
	s->n = ARRAY_SIZE(vcpu_rows);
	s->data = (const u8 *)&s->vcpu->stats;
	plat_snprintf(s->id, sizeof(s->id), "kvm-vcpu-%u", s->vcpu->id);
	return open_stats(s);
}
