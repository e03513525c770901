/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects behind real file descriptors.
 *
 * Each object is a memfd. Its identity is the inode, so a dup, a descriptor
 * that came over a socket, one that fcntl made, all reach the object without
 * any bookkeeping. A vCPU's memfd holds its kvm_run page and so on at the
 * offsets of the ABI, so a plain mmap(2) works.
 *
 * When does an object end? With the last reference to its open file: all
 * descriptors (in a forked child too, or under way in a socket) and all
 * mappings, as in the kernel. The kernel tells us: the host program's open
 * file holds a flock(2) lock, which goes away exactly with it; a second open
 * file of our own on the same inode tries to get that lock each time a
 * descriptor or a mapping of ours was seen to go, and when a new VM is made.
 *
 * A small cache by descriptor number saves the fstat; the shim invalidates it
 * in close, dup2 and dup3. Objects are never freed, only used again, so that a
 * reader of the cache may look at a stale one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "home.h"
#include "core.h"
#include "vcpu.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define CACHED_FDS 65536
#define HASH_SIZE 256
#define BUSY_DEAD 0x80000000u

struct plat_file {
	u32 busy; /* atomic: users, BUSY_DEAD when there is no object */
	u32 generation; /* of the process that made it */
	const struct plat_file_ops *ops;
	void *obj;
	dev_t dev;
	ino_t ino;
	int priv; /* our own open file of the inode */
	u32 recheck; /* atomic: a descriptor went while it was busy */
	u64 map_lo, map_hi; /* where the host program has mapped it: look at munmap */
	u64 size;
	struct plat_file *hash_next; /* or of the free list */
};

static struct plat_file *cache[CACHED_FDS];
static struct plat_file *hash[HASH_SIZE];
static struct plat_file *free_files;
static struct plat_mutex lock;
static dev_t memfd_dev; /* all memfds are on one device: tells strangers apart quickly */
static int max_fd; /* largest descriptor in the cache */

/* Memory that plat_alloc_shared gave, so that a mapping of one file can show another's page. */
struct share {
	struct share *next;
	struct plat_file *file;
	u64 offset, size;
	u8 *addr;
};
static struct share *shares;

void home_file_lock(void)
{
	plat_mutex_lock(&lock);
}

void home_file_unlock(void)
{
	plat_mutex_unlock(&lock);
}

static struct plat_file **bucket(ino_t ino)
{
	return &hash[ino % HASH_SIZE];
}

static int sys_fstat(int fd, struct stat *st)
{
	return sys2(SYS_fstat, fd, st);
}

/* Lock held. */
static void cache_set(int fd, struct plat_file *f)
{
	if (fd < 0 || fd >= CACHED_FDS)
		return;
	__atomic_store_n(&cache[fd], f, __ATOMIC_SEQ_CST);
	max_fd = max(max_fd, fd);
}

/* ---- creation ---- */

static int memfd(const char *name)
{
	int fd = sys2(SYS_memfd_create, name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd == -EINVAL) /* before Linux 6.3 */
		fd = sys2(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return home_fd_high(sys4(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
}

int plat_file_create(const char *name, const struct plat_file_ops *ops, void *obj,
		     struct plat_file **file)
{
	struct plat_file *f;
	struct stat st;
	int fd, priv, err;

	if (ops->kind == PLAT_FILE_SYSTEM || ops->kind == PLAT_FILE_VM)
		home_file_sweep();
	fd = memfd(name);
	if (fd < 0)
		return fd;
	priv = reopen(fd);
	err = priv < 0 ? priv : sys_fstat(fd, &st);
	if (!err)
		err = sys2(SYS_flock, fd, LOCK_EX | LOCK_NB);
	if (err) {
		if (priv < 0 && err == -ENOENT)
			plat_log("/proc is not mounted: it is needed for /proc/self/fd");
		goto fail;
	}
	sys2(SYS_fchmod, fd, 0600);

	plat_mutex_lock(&lock);
	f = free_files;
	if (f)
		free_files = f->hash_next;
	else
		f = plat_alloc(sizeof(*f));
	if (!f) {
		plat_mutex_unlock(&lock);
		err = -ENOMEM;
		goto fail;
	}
	f->generation = home_generation;
	f->ops = ops;
	f->obj = obj;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->priv = priv;
	f->size = 0;
	f->map_lo = f->map_hi = 0;
	f->recheck = 0;
	f->hash_next = *bucket(f->ino);
	*bucket(f->ino) = f;
	memfd_dev = st.st_dev;
	__atomic_store_n(&f->busy, 0, __ATOMIC_SEQ_CST);
	cache_set(fd, f);
	plat_mutex_unlock(&lock);
	*file = f;
	return fd;
fail:
	if (priv >= 0)
		home_close(priv);
	home_close(fd);
	return err;
}

/* ---- the way to an object ---- */

static bool file_hold(struct plat_file *f)
{
	if (plat_atomic_add32(&f->busy, 1) & BUSY_DEAD) {
		plat_atomic_add32(&f->busy, -1u);
		return false;
	}
	return true;
}

bool home_fd_cached(int fd)
{
	return fd >= 0 && fd < CACHED_FDS && READ_ONCE(cache[fd]);
}

struct plat_file *home_file_get(int fd, bool trust)
{
	struct plat_file *f;
	struct stat st;

	if (fd < 0 || !memfd_dev)
		return NULL;
	f = fd < CACHED_FDS ? READ_ONCE(cache[fd]) : NULL;
	if (f && trust && file_hold(f)) {
		if (READ_ONCE(cache[fd]) == f)
			return f;
		home_file_put(f);
	}
	if (sys_fstat(fd, &st) || st.st_dev != memfd_dev)
		return NULL;
	plat_mutex_lock(&lock);
	for (f = *bucket(st.st_ino); f; f = f->hash_next)
		if (f->ino == st.st_ino && f->dev == st.st_dev)
			break;
	if (f && !file_hold(f))
		f = NULL;
	cache_set(fd, f);
	plat_mutex_unlock(&lock);
	return f;
}

enum plat_file_kind home_file_kind(const struct plat_file *f)
{
	return f->ops->kind;
}

void *home_file_obj(const struct plat_file *f)
{
	return f->obj;
}

bool home_file_foreign(const struct plat_file *f)
{
	return f->generation != home_generation;
}

/* ---- the end of an object ---- */

/* Lock held, the object is dead: out of every table. */
static void unlink_file(struct plat_file *f)
{
	struct plat_file **p;
	struct share **s;
	int fd;

	for (p = bucket(f->ino); *p; p = &(*p)->hash_next) {
		if (*p == f) {
			*p = f->hash_next;
			break;
		}
	}
	for (fd = 0; fd <= max_fd; fd++)
		if (READ_ONCE(cache[fd]) == f)
			WRITE_ONCE(cache[fd], NULL);
	for (s = &shares; *s;) {
		struct share *gone = *s;

		if (gone->file == f) {
			*s = gone->next;
			plat_free(gone);
		} else {
			s = &gone->next;
		}
	}
}

static void file_free(struct plat_file *f)
{
	home_close(f->priv);
	plat_mutex_lock(&lock);
	f->hash_next = free_files;
	free_files = f;
	plat_mutex_unlock(&lock);
}

/* Lock held. True: it is dead now, and the caller finishes it. */
static bool file_expired(struct plat_file *f)
{
	if (READ_ONCE(f->busy))
		return false;
	if (sys2(SYS_flock, f->priv, LOCK_EX | LOCK_NB))
		return false;
	if (plat_atomic_cmpxchg32(&f->busy, 0, BUSY_DEAD)) {
		/* A stale cache entry was used this very moment: as it puts it, it looks again. */
		sys2(SYS_flock, f->priv, LOCK_UN);
		return false;
	}
	unlink_file(f);
	return true;
}

static void file_finish(struct plat_file *f)
{
	if (!home_file_foreign(f) && f->ops->release)
		f->ops->release(f->obj);
	file_free(f);
}

static void file_reap(struct plat_file *f)
{
	bool dead;

	plat_mutex_lock(&lock);
	dead = !(READ_ONCE(f->busy) & BUSY_DEAD) && file_expired(f);
	plat_mutex_unlock(&lock);
	if (dead)
		file_finish(f);
}

void home_file_put(struct plat_file *f)
{
	if (plat_atomic_add32(&f->busy, -1u) == 1 && READ_ONCE(f->recheck) &&
	    plat_atomic_xchg32(&f->recheck, 0))
		file_reap(f);
}

void home_file_sweep(void)
{
	struct plat_file *f, *dead;
	int i;

	do {
		dead = NULL;
		plat_mutex_lock(&lock);
		for (i = 0; i < HASH_SIZE && !dead; i++) {
			for (f = hash[i]; f && !dead; f = f->hash_next)
				if (file_expired(f))
					dead = f;
		}
		plat_mutex_unlock(&lock);
		if (dead)
			file_finish(dead);
	} while (dead);
}

void plat_file_cancel(struct plat_file *f, int fd)
{
	plat_mutex_lock(&lock);
	f->busy = BUSY_DEAD;
	unlink_file(f);
	plat_mutex_unlock(&lock);
	file_free(f);
	home_close(fd);
}

/* ---- descriptors come and go ---- */

void home_fd_dup(int fd, int copy)
{
	if (fd < 0 || fd >= CACHED_FDS || copy < 0)
		return;
	if (!READ_ONCE(cache[fd]) && !home_fd_cached(copy))
		return;
	plat_mutex_lock(&lock);
	cache_set(copy, cache[fd]);
	plat_mutex_unlock(&lock);
}

struct plat_file *home_fd_forget(int fd)
{
	if (!home_fd_cached(fd))
		return NULL;
	return __atomic_exchange_n(&cache[fd], NULL, __ATOMIC_SEQ_CST);
}

void home_fd_closed(struct plat_file *f)
{
	if (!f)
		return;
	plat_atomic_xchg32(&f->recheck, 1);
	if (!(READ_ONCE(f->busy) & ~BUSY_DEAD) && plat_atomic_xchg32(&f->recheck, 0))
		file_reap(f);
}

/* ---- shared pages ---- */

void *home_share_alloc(struct plat_file *f, u64 offset, size_t size)
{
	struct share *s = plat_alloc(sizeof(*s));
	int fd = f ? f->priv : memfd("anykvm-shared");
	void *p = NULL;

	if (!s || fd < 0)
		goto out;
	if (!f || f->size < offset + size) {
		if (sys2(SYS_ftruncate, fd, f ? offset + size : size))
			goto out;
		if (f)
			f->size = offset + size;
	}
	p = home_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, f ? offset : 0);
out:
	if (!f && fd >= 0)
		home_close(fd);
	if (!p || !f) {
		plat_free(s);
		return p;
	}
	*s = (struct share){ .file = f, .offset = offset, .size = size, .addr = p };
	plat_mutex_lock(&lock);
	s->next = shares;
	shares = s;
	plat_mutex_unlock(&lock);
	return p;
}

/* Does page @offset of @f's own memory hold what is at @page? */
static bool shares_page(struct plat_file *f, u64 offset, u8 *page)
{
	struct share *s;
	bool own = false;

	plat_mutex_lock(&lock);
	for (s = shares; s && !own; s = s->next)
		own = s->file == f && page >= s->addr && page < s->addr + s->size &&
		      s->offset + (u64)(page - s->addr) == offset;
	plat_mutex_unlock(&lock);
	return own;
}

int home_map_check(struct plat_file *f, int prot, int flags, size_t len, u64 offset)
{
	u64 pg, ring = KVM_DIRTY_LOG_PAGE_OFFSET;

	if (f->ops->kind != PLAT_FILE_VCPU)
		return -ENODEV;
	if (home_file_foreign(f))
		return -EIO;
	if (!(prot & PROT_EXEC) && (flags & MAP_TYPE) != MAP_PRIVATE)
		return 0;
	for (pg = max(offset >> PAGE_SHIFT, ring); pg < (offset + len) >> PAGE_SHIFT; pg++)
		if (core_shared_page(f->ops->kind, f->obj, pg))
			return -EINVAL;
	return 0;
}

/* The file itself has been mapped at @addr: lay the pages over it that live elsewhere. */
int home_map_pages(struct plat_file *f, void *addr, size_t len, int prot, u64 offset)
{
	u64 at;

	len = ALIGN_UP(len, PAGE_SIZE);
	for (at = 0; at < len; at += PAGE_SIZE) {
		u8 *page = core_shared_page(f->ops->kind, f->obj, (offset + at) >> PAGE_SHIFT);
		u64 want = (u64)addr + at;

		if (!page || shares_page(f, offset + at, page))
			continue;
		/* An old size of 0 maps shared memory once more. */
		if ((u64)sys6(SYS_mremap, (u64)page, 0, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			      want, 0) != want)
			return -ENOMEM;
		if (prot != (PROT_READ | PROT_WRITE))
			home_mprotect((void *)want, PAGE_SIZE, prot);
	}
	plat_mutex_lock(&lock);
	f->map_lo = f->map_hi ? min(f->map_lo, (u64)addr) : (u64)addr;
	f->map_hi = max(f->map_hi, (u64)addr + len);
	plat_mutex_unlock(&lock);
	return 0;
}

void home_mapping_gone(u64 addr, size_t len)
{
	struct plat_file *f;
	bool look = false;
	int i;

	if (!memfd_dev)
		return;
	plat_mutex_lock(&lock);
	for (i = 0; i < HASH_SIZE; i++)
		for (f = hash[i]; f; f = f->hash_next)
			look |= f->map_hi > addr && f->map_lo < addr + len;
	plat_mutex_unlock(&lock);
	if (look)
		home_file_sweep();
}

/* ---- calls ---- */

long home_ioctl(int fd, unsigned int cmd, u64 arg, bool *ours)
{
	struct plat_file *f = home_file_get(fd, cmd == KVM_RUN);
	long ret;

	*ours = f;
	if (!f)
		return -ENOTTY;
	/* /dev/kvm itself belongs to no process: a child may make its own VMs with it. */
	if (home_file_foreign(f) && f->ops->kind != PLAT_FILE_SYSTEM)
		ret = -EIO;
	else
		ret = core_ioctl(f->ops->kind, f->obj, cmd, arg);
	home_file_put(f);
	return ret;
}

s64 home_file_read(struct plat_file *f, void *buf, size_t n, u64 offset)
{
	if (!f->ops->read)
		return -EINVAL;
	return home_file_foreign(f) ? -EIO : f->ops->read(f->obj, buf, n, offset);
}
