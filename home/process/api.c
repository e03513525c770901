/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's own functions (anykvm.h): thin, over the same few calls that
 * the shim uses.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include "anykvm.h"
#include "home.h"
#include "core.h"
#include "vm.h"

#ifndef ANYKVM_VERSION
#define ANYKVM_VERSION "0"
#endif

static int result(long ret)
{
	if (ret >= 0)
		return (int)ret;
	errno = (int)-ret;
	return -1;
}

int anykvm_open(void)
{
	int err = home_init();

	return result(err ? err : core_create_system());
}

int anykvm_ioctl(int fd, unsigned long request, void *arg)
{
	bool ours;

	return result(home_ioctl(fd, (unsigned int)request, (u64)arg, &ours));
}

void *anykvm_mmap(size_t len, int prot, int flags, int fd, int64_t offset)
{
	struct plat_file *f = home_file_get(fd, false);
	void *p = MAP_FAILED;
	long ret;
	int err;

	if (!f) {
		errno = EBADF;
		return p;
	}
	err = home_map_check(f, prot, flags, len, offset);
	if (!err) {
		ret = sys6(SYS_mmap, 0, len, prot, flags & ~MAP_FIXED, fd, offset);
		if (ret < 0 && ret > -4096) {
			err = (int)ret;
		} else {
			p = (void *)ret;
			err = home_map_pages(f, p, len, prot, offset);
			if (err) {
				home_munmap(p, len);
				p = MAP_FAILED;
			}
		}
	}
	home_file_put(f);
	if (err)
		errno = -err;
	return p;
}

int anykvm_munmap(void *addr, size_t len)
{
	int err = home_munmap(addr, len);

	if (!err)
		home_mapping_gone((u64)addr, len);
	return result(err);
}

int anykvm_close(int fd)
{
	struct plat_file *f = home_fd_forget(fd);
	int err = home_close(fd);

	home_fd_closed(f);
	return result(err);
}

int anykvm_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return result(home_sigaction(sig, act, old));
}

void anykvm_memory_written(int vm_fd, uint64_t gpa, uint64_t len)
{
	struct plat_file *f = home_file_get(vm_fd, true);
	struct vm *vm;

	if (!f)
		return;
	if (home_file_kind(f) == PLAT_FILE_VM && !home_file_foreign(f)) {
		vm = home_file_obj(f);
		plat_read_lock(&vm->slots_lock);
		if (vm->engine->memory_written)
			vm->engine->memory_written(vm, gpa, len);
		plat_read_unlock(&vm->slots_lock);
	}
	home_file_put(f);
}

int anykvm_io_begin(struct anykvm_io *io, const struct iovec *iov, int count)
{
	_Static_assert(sizeof(struct anykvm_io) == sizeof(struct home_io), "one layout");
	return home_io_begin((struct home_io *)io, iov, count);
}

void anykvm_io_end(struct anykvm_io *io)
{
	home_io_end((struct home_io *)io);
}

static void coverage_row(const struct core_coverage *c, void *arg)
{
	fprintf(arg, "%-20s %-36s %#10x %6d%s%s\n", c->table, c->name, c->number, c->value,
		c->note ? "  " : "", c->note ? c->note : "");
}

void anykvm_coverage(FILE *out)
{
	home_init();
	fprintf(out, "%-20s %-36s %10s %6s\n", "table", "name", "number", "value");
	core_coverage(coverage_row, out);
}

void anykvm_end(void)
{
	home_seeing_end();
}

const char *anykvm_version(void)
{
	return ANYKVM_VERSION;
}
