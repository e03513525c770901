/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim's names for files: whoever opens or looks for /dev/kvm finds the
 * library's, whether there is such a node or not; ioctl on its descriptors
 * goes to the core; what makes or ends descriptors keeps file.c's cache true.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "shim.h"
#include "core.h"

/* ---- opening ---- */

static bool is_kvm(const char *path)
{
	return path && !strcmp(path, "/dev/kvm");
}

/* vhost's kernel threads write guest memory: not where the watch can not see the kernel. */
static bool is_refused(const char *path)
{
	return path && !strncmp(path, "/dev/vhost", 10) && home_watch_blocks_kernel();
}

static int open_kvm(int flags)
{
	int fd = home_init();

	if (!fd)
		fd = core_create_system();
	if (fd >= 0 && !(flags & O_CLOEXEC))
		sys3(SYS_fcntl, fd, F_SETFD, 0);
	return (int)shim_result(fd);
}

static mode_t mode_arg(int flags, va_list args)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                             \
	HOME_EXPORT int name(const char *path, int flags, ...) \
	{                                                      \
		va_list args;                                  \
		mode_t mode;                                   \
                                                               \
		if (is_kvm(path))                              \
			return open_kvm(flags);                \
		if (is_refused(path))                          \
			return (int)shim_result(-ENOENT);      \
		va_start(args, flags);                         \
		mode = mode_arg(flags, args);                  \
		va_end(args);                                  \
		return REAL(name)(path, flags, mode);          \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
	HOME_EXPORT int name(int dir, const char *path, int flags, ...) \
	{                                                               \
		va_list args;                                           \
		mode_t mode;                                            \
                                                                        \
		if (is_kvm(path))                                       \
			return open_kvm(flags);                         \
		if (is_refused(path))                                   \
			return (int)shim_result(-ENOENT);               \
		va_start(args, flags);                                  \
		mode = mode_arg(flags, args);                           \
		va_end(args);                                           \
		return REAL(name)(dir, path, flags, mode);              \
	}
OPENAT(openat)
OPENAT(openat64)

/* What _FORTIFY_SOURCE makes of open with two arguments. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

HOME_EXPORT int __open_2(const char *path, int flags)
{
	return is_kvm(path) ? open_kvm(flags) : REAL(__open_2)(path, flags);
}

HOME_EXPORT int __open64_2(const char *path, int flags)
{
	return is_kvm(path) ? open_kvm(flags) : REAL(__open64_2)(path, flags);
}

HOME_EXPORT int __openat_2(int dir, const char *path, int flags)
{
	return is_kvm(path) ? open_kvm(flags) : REAL(__openat_2)(dir, path, flags);
}

HOME_EXPORT int __openat64_2(int dir, const char *path, int flags)
{
	return is_kvm(path) ? open_kvm(flags) : REAL(__openat64_2)(dir, path, flags);
}

#define FOPEN(name)                                                \
	HOME_EXPORT FILE *name(const char *path, const char *mode) \
	{                                                          \
		int fd;                                            \
                                                                   \
		if (!is_kvm(path))                                 \
			return REAL(name)(path, mode);             \
		fd = open_kvm(strchr(mode, 'e') ? O_CLOEXEC : 0);  \
		return fd < 0 ? NULL : fdopen(fd, mode);           \
	}
FOPEN(fopen)
FOPEN(fopen64)

/* ---- looking ---- */

HOME_EXPORT int access(const char *path, int how)
{
	if (is_kvm(path))
		return (int)shim_result(how & X_OK ? -EACCES : 0);
	return REAL(access)(path, how);
}

HOME_EXPORT int eaccess(const char *path, int how)
{
	return is_kvm(path) ? access(path, how) : REAL(eaccess)(path, how);
}

HOME_EXPORT int euidaccess(const char *path, int how)
{
	return is_kvm(path) ? access(path, how) : REAL(euidaccess)(path, how);
}

HOME_EXPORT int faccessat(int dir, const char *path, int how, int flags)
{
	return is_kvm(path) ? access(path, how) : REAL(faccessat)(dir, path, how, flags);
}

static int stat_kvm(struct stat *st)
{
	*st = (struct stat){
		.st_mode = S_IFCHR | 0666,
		.st_nlink = 1,
		.st_rdev = makedev(10, 232),
		.st_dev = 5,
		.st_ino = 232,
		.st_blksize = 4096,
	};
	return 0;
}

/* After fstat: a memfd becomes what the kernel's descriptors look like. */
static int stat_fd(int ret, int fd, struct stat *st)
{
	struct plat_file *f;

	if (ret || !home_fd_cached(fd))
		return ret;
	f = home_file_get(fd, false);
	if (!f)
		return ret;
	if (home_file_kind(f) == PLAT_FILE_SYSTEM)
		stat_kvm(st);
	else
		st->st_mode = 0600; /* an anonymous inode: no type, no size */
	st->st_size = 0;
	st->st_blocks = 0;
	home_file_put(f);
	return ret;
}

/* struct stat64 is struct stat here. */
#define STAT(name, type)                                                                  \
	HOME_EXPORT int name(const char *path, struct type *st)                           \
	{                                                                                 \
		return is_kvm(path) ? stat_kvm((struct stat *)st) : REAL(name)(path, st); \
	}
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

#define FSTAT(name, type)                                                  \
	HOME_EXPORT int name(int fd, struct type *st)                      \
	{                                                                  \
		return stat_fd(REAL(name)(fd, st), fd, (struct stat *)st); \
	}
FSTAT(fstat, stat)
FSTAT(fstat64, stat64)

#define FSTATAT(name, type)                                                                    \
	HOME_EXPORT int name(int dir, const char *path, struct type *st, int flags)            \
	{                                                                                      \
		if (is_kvm(path))                                                              \
			return stat_kvm((struct stat *)st);                                    \
		return stat_fd(REAL(name)(dir, path, st, flags),                               \
			       flags & AT_EMPTY_PATH && !*path ? dir : -1, (struct stat *)st); \
	}
FSTATAT(fstatat, stat)
FSTATAT(fstatat64, stat64)

/* Programs built before glibc 2.33 have these. */
#define XSTAT(name, type)                                                                      \
	int name(int ver, const char *path, struct type *st);                                  \
	HOME_EXPORT int name(int ver, const char *path, struct type *st)                       \
	{                                                                                      \
		return is_kvm(path) ? stat_kvm((struct stat *)st) : REAL(name)(ver, path, st); \
	}
XSTAT(__xstat, stat)
XSTAT(__xstat64, stat64)
XSTAT(__lxstat, stat)
XSTAT(__lxstat64, stat64)

#define FXSTAT(name, type)                                                      \
	int name(int ver, int fd, struct type *st);                             \
	HOME_EXPORT int name(int ver, int fd, struct type *st)                  \
	{                                                                       \
		return stat_fd(REAL(name)(ver, fd, st), fd, (struct stat *)st); \
	}
FXSTAT(__fxstat, stat)
FXSTAT(__fxstat64, stat64)

HOME_EXPORT int statx(int dir, const char *path, int flags, unsigned int mask, struct statx *st)
{
	if (!is_kvm(path))
		return REAL(statx)(dir, path, flags, mask, st);
	*st = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_mode = S_IFCHR | 0666,
		.stx_nlink = 1,
		.stx_rdev_major = 10,
		.stx_rdev_minor = 232,
		.stx_blksize = 4096,
		.stx_ino = 232,
	};
	return 0;
}

/* ---- calls ---- */

/* A thread must not be cancelled while it holds our locks: see cancel.c. */
static long ioctl_ours(int fd, unsigned int request, u64 arg, bool *ours)
{
	struct home_cancel c;
	int type;
	long ret;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	if (likely(type != PTHREAD_CANCEL_ASYNCHRONOUS))
		return home_ioctl(fd, request, arg, ours);
	home_cancel_begin(&c);
	ret = home_ioctl(fd, request, arg, ours);
	home_cancel_end(&c);
	pthread_setcanceltype(type, &type);	/* ends the thread, if that was asked for */
	return ret;
}

HOME_EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	bool ours;
	long ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) == KVMIO) {
		ret = ioctl_ours(fd, (unsigned int)request, (u64)arg, &ours);
		if (ours)
			return (int)shim_result(ret);
	}
	return REAL(ioctl)(fd, request, arg);
}

/* ---- descriptors ---- */

HOME_EXPORT int close(int fd)
{
	struct plat_file *f = home_fd_forget(fd);
	int ret = REAL(close)(fd);

	home_fd_closed(f);
	return ret;
}

HOME_EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	int ret = REAL(close_range)(first, last, flags);
	unsigned int fd;

	if (ret || flags & CLOSE_RANGE_CLOEXEC)
		return ret;
	for (fd = first; fd <= last && fd < 65536; fd++)
		home_fd_closed(home_fd_forget((int)fd));
	return ret;
}

HOME_EXPORT void closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}

HOME_EXPORT int dup(int fd)
{
	int copy = REAL(dup)(fd);

	home_fd_dup(fd, copy);
	return copy;
}

HOME_EXPORT int dup2(int fd, int to)
{
	struct plat_file *was = fd == to ? NULL : home_fd_forget(to);
	int copy = REAL(dup2)(fd, to);

	home_fd_dup(fd, copy);
	home_fd_closed(was);
	return copy;
}

HOME_EXPORT int dup3(int fd, int to, int flags)
{
	struct plat_file *was = fd == to ? NULL : home_fd_forget(to);
	int copy = REAL(dup3)(fd, to, flags);

	home_fd_dup(fd, copy);
	home_fd_closed(was);
	return copy;
}

#define FCNTL(name)                                           \
	HOME_EXPORT int name(int fd, int cmd, ...)            \
	{                                                     \
		va_list args;                                 \
		void *arg;                                    \
		int ret;                                      \
                                                              \
		va_start(args, cmd);                          \
		arg = va_arg(args, void *);                   \
		va_end(args);                                 \
		ret = REAL(name)(fd, cmd, arg);               \
		if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) \
			home_fd_dup(fd, ret);                 \
		return ret;                                   \
	}
FCNTL(fcntl)
FCNTL(fcntl64)

/*
 * From the program's first moment: forks and handlers are to be seen even before /dev/kvm is
 * opened.
 */
static __attribute__((constructor)) void shim_begin(void)
{
	home_early_init();
}
