/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host program that knows nothing of the library: /dev/kvm by libc's names
 * alone. Run it under anykvm-exec; with an argument, on what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/tap.h"

static int kvm, vm, vcpu;
static struct kvm_run *run;
static uint8_t *ram;

static void test_names(void)
{
	struct stat st;
	struct statx sx;
	FILE *f;
	int fd;

	ok(!access("/dev/kvm", R_OK | W_OK) && !faccessat(AT_FDCWD, "/dev/kvm", F_OK, 0), "access");
	ok(!stat("/dev/kvm", &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 232), "stat");
	ok(!lstat("/dev/kvm", &st) && S_ISCHR(st.st_mode), "lstat");
	ok(!fstatat(AT_FDCWD, "/dev/kvm", &st, 0) && S_ISCHR(st.st_mode), "fstatat");
	ok(!statx(AT_FDCWD, "/dev/kvm", 0, STATX_BASIC_STATS, &sx) && S_ISCHR(sx.stx_mode),
	   "statx");
	fd = openat(AT_FDCWD, "/dev/kvm", O_RDWR);
	ok(fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == 12 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC),
	   "openat");
	ok(!close(fd) && fcntl(fd, F_GETFD) < 0, "close");
	f = fopen("/dev/kvm", "r+");
	ok(f && ioctl(fileno(f), KVM_GET_API_VERSION, 0) == 12, "fopen");
	if (f)
		fclose(f);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ok(kvm >= 0 && fcntl(kvm, F_GETFD) == FD_CLOEXEC, "open");
	ok(!fstat(kvm, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 232), "fstat");
}

static void test_files(void)
{
	struct pollfd p = { .events = POLLIN | POLLOUT };
	struct epoll_event ev = { .events = EPOLLIN };
	char buf[64];
	int fd, ep = epoll_create1(0), stats;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ok(vm >= 0 && fcntl(vm, F_GETFD) == FD_CLOEXEC, "KVM_CREATE_VM");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	ok(vcpu >= 0, "KVM_CREATE_VCPU");
	p.fd = vcpu;
	ok(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT), "poll");
	ok(epoll_ctl(ep, EPOLL_CTL_ADD, vcpu, &ev) == -1 && errno == EPERM, "epoll refuses");
	ok(read(vm, buf, 8) == -1 && errno == EINVAL, "read: EINVAL");
	ok(write(vm, buf, 8) == -1 && errno == EINVAL, "write: EINVAL");
	ok(ioctl(vm, 0x5401 /* TCGETS */, buf) == -1 && errno == ENOTTY && !isatty(vm),
	   "not a terminal");
	ok(ioctl(1, KVM_GET_API_VERSION, 0) == -1, "an ioctl of KVM's on another file");
	fd = dup(vm);
	ok(ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) ==
		   ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP),
	   "dup");
	ok(dup2(0, fd) == fd && ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) == -1,
	   "dup2 over it");
	close(fd);
	fd = fcntl(vm, F_DUPFD_CLOEXEC, 100);
	ok(fd >= 100 && ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) >= 0, "F_DUPFD_CLOEXEC");
	close(fd);
	stats = ioctl(vm, KVM_GET_STATS_FD, NULL);
	ok(stats >= 0 && pread(stats, buf, sizeof(buf), 0) > 0 && read(stats, buf, 24) == 24,
	   "statistics can be read");
	close(stats);
	close(ep);
}

static void test_memory(void)
{
	struct kvm_userspace_memory_region m = { .slot = 0, .memory_size = 0x10000 };
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	ram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m.userspace_addr = (uintptr_t)ram;
	ok(!ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m), "a memory slot");
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	ok(size >= 4096 && run != MAP_FAILED, "kvm_run is mapped");
	ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, vm, 0) == MAP_FAILED && errno == ENODEV,
	   "a VM can not be mapped");
}

static int start_at(const void *code, size_t n)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = 0x1000, .rflags = 2, .rsp = 0x2000, .rbx = 0x3000 };

	memcpy(ram + 0x1000, code, n);
	if (ioctl(vcpu, KVM_GET_SREGS, &s))
		return -1;
	s.cs.base = s.cs.selector = 0;
	return ioctl(vcpu, KVM_SET_SREGS, &s) || ioctl(vcpu, KVM_SET_REGS, &r);
}

static volatile int signals;

static void on_signal(int sig)
{
	signals++;
}

static void *kicker(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!*(volatile int *)arg) {
		usleep(30000);
		kill(getpid(), SIGUSR1);
	}
	return NULL;
}

static void test_run(void)
{
	static const uint8_t out[] = {
		0xb0, 0x42, 0xe6, 0x10, 0xeb, 0xfe
	}; /* mov $0x42,%al; out %al,$0x10; jmp . */
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t set, was;
	volatile int done = 0;
	pthread_t t;
	int ret;

	ok(!start_at(out, sizeof(out)), "registers");
	ok(!ioctl(vcpu, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_IO && run->io.port == 0x10 &&
		   ((uint8_t *)run)[run->io.data_offset] == 0x42,
	   "KVM_RUN to an OUT");
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_create(&t, NULL, kicker, (void *)&done);
	ret = ioctl(vcpu, KVM_RUN, 0);
	ok(ret == -1 && errno == EINTR && signals && run->exit_reason == KVM_EXIT_INTR,
	   "a signal ends an endless loop");
	done = 1;
	pthread_join(t, NULL);
	/* The mask that programs set is what they read back, though not all of it is real. */
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &was);
	pthread_sigmask(SIG_SETMASK, &was, &set);
	ok(sigismember(&set, SIGSEGV) && sigismember(&set, SIGBUS) && sigismember(&set, SIGHUP),
	   "masks read back");
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	ok(!sigismember(&set, SIGSEGV) && !sigismember(&set, SIGHUP), "and end");
}

/*
 * The guest runs mov $imm8,%al; out %al,$0x10 at 0x3000 again and again; the
 * host program changes the byte each time, by every way that it has.
 */
static void test_code(const char *how, int way)
{
	static const uint8_t jmp[] = { 0xff, 0xe3 }; /* jmp *%bx */
	static const uint8_t loop[] = { 0xb0, 0x01, 0xe6, 0x10, 0xeb, 0xfa };
	int pipes[2], i, bad = 0, sv[2];
	struct iovec iov;
	uint8_t val;

	memcpy(ram + 0x3000, loop, sizeof(loop));
	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) || start_at(jmp, sizeof(jmp))) {
		ok(0, "code written by %s: set up", how);
		return;
	}
	for (i = 1; i < 60; i++) {
		val = (uint8_t)i;
		iov.iov_base = ram + 0x3001;
		iov.iov_len = 1;
		switch (way) {
		case 0: ((volatile uint8_t *)ram)[0x3001] = val; break;
		case 1:
			bad |= write(pipes[1], &val, 1) != 1 ||
			       read(pipes[0], ram + 0x3001, 1) != 1;
			break;
		case 2:
			bad |= write(pipes[1], &val, 1) != 1 || readv(pipes[0], &iov, 1) != 1;
			break;
		case 3:
			bad |= send(sv[1], &val, 1, 0) != 1 || recv(sv[0], ram + 0x3001, 1, 0) != 1;
			break;
		}
		if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_IO ||
		    ((uint8_t *)run)[run->io.data_offset] != val)
			bad |= 2;
	}
	ok(!bad, "code written by %s is seen each time", how);
	close(pipes[0]);
	close(pipes[1]);
	close(sv[0]);
	close(sv[1]);
}

static void test_fork(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int bad = ioctl(vcpu, KVM_RUN, 0) != -1 || errno != EIO;
		int mine;

		bad |= 2 * (ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) != -1 || errno != EIO);
		mine = ioctl(kvm, KVM_CREATE_VM, 0);
		bad |= 4 * (mine < 0 || ioctl(mine, KVM_CREATE_VCPU, 0) < 0);
		ram[0x3000] = 0;
		close(vcpu);
		close(vm);
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	ok(!status, "a forked child: EIO, its own VM, harmless closes (%#x)", status);
	pid = fork();
	if (!pid) {
		char fd[16];

		snprintf(fd, sizeof(fd), "%d", vm);
		execl("/bin/sh", "sh", "-c", "test ! -e /proc/self/fd/$1", "sh", fd, NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	ok(!status, "an executed program inherits nothing");
}

int main(int argc, char **argv)
{
	test_names();
	if (kvm < 0)
		return tap_done();
	test_files();
	test_memory();
	test_run();
	test_code("a store", 0);
	test_code("read", 1);
	test_code("readv", 2);
	test_code("recv", 3);
	test_fork();
	test_code("a store after a fork", 0);
	return tap_done();
}
