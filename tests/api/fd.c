/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three kinds of file descriptor behave as descriptors do: dup, close, poll, fork, mmap. */
#include <sys/socket.h>

#include "api.h"

static void device_is_char(void)
{
	struct stat st;

	OK(fstat(kvm_fd(), &st));
	CHECK(S_ISCHR(st.st_mode));
}

static void open_flags(void)
{
	int fd = OK(open("/dev/kvm", O_RDONLY | O_CLOEXEC));

	EQ(OK(ioctl(fd, KVM_GET_API_VERSION, 0)), 12);
	EQ(OK(fcntl(fd, F_GETFD)), FD_CLOEXEC);
	OK(close(fd));
	fd = OK(openat(AT_FDCWD, "/dev/kvm", O_RDWR));
	EQ(OK(fcntl(fd, F_GETFD)), 0);
	EQ(OK(fcntl(fd, F_GETFL)) & O_ACCMODE, O_RDWR);
	OK(ioctl(fd, KVM_GET_API_VERSION, 0));
}

static void fopen_works(void)
{
	FILE *f = fopen("/dev/kvm", "r+");

	if (!f)
		SKIP("fopen of a device: %s", strerror(errno));
	EQ(ioctl(fileno(f), KVM_GET_API_VERSION, 0), 12);
	fclose(f);
}

static void read_write(void)
{
	struct vm vm;
	char buf[8] = { 0 };

	vm_bare(&vm);
	REFUSED(read(kvm_fd(), buf, 8), EINVAL);
	REFUSED(write(kvm_fd(), buf, 8), EINVAL);
	REFUSED(read(vm.fd, buf, 8), EINVAL);
}

static void use_after_close(void)
{
	struct vm vm;

	vm_bare(&vm);
	OK(close(vm.fd));
	REFUSED(ioctl(vm.fd, KVM_CHECK_EXTENSION, 0), EBADF);
	REFUSED(close(vm.fd), EBADF);
}

static void number_reused(void)
{
	struct vm vm;
	int fd;

	vm_bare(&vm);
	OK(close(vm.fd));
	fd = OK(open("/dev/null", O_RDWR));
	while (fd < vm.fd)
		fd = OK(open("/dev/null", O_RDWR));
	EQ(fd, vm.fd);
	REFUSED(ioctl(fd, KVM_CHECK_EXTENSION, 0), ENOTTY);
	EQ(write(fd, "x", 1), 1);
}

static void cloexec(void)
{
	struct vm vm;
	struct vcpu c;

	vm_make(&vm, IRQCHIP_NONE);
	vcpu_make(&vm, &c, 0);
	EQ(OK(fcntl(vm.fd, F_GETFD)), FD_CLOEXEC);
	EQ(OK(fcntl(c.fd, F_GETFD)), FD_CLOEXEC);
}

GUEST(fd_hlt, 16, "hlt");

static void dup_works(void)
{
	struct box b;
	int vm2, cpu2, cpu3;

	BOX(&b, IRQCHIP_NONE, REAL16, fd_hlt);
	vm2 = OK(dup(b.vm.fd));
	cpu2 = OK(dup2(b.cpu.fd, 200));
	cpu3 = OK(fcntl(b.cpu.fd, F_DUPFD_CLOEXEC, 300));
	CHECK(cpu2 == 200 && cpu3 >= 300);
	OK(close(b.vm.fd));
	OK(close(b.cpu.fd));
	OK(ioctl(vm2, KVM_CHECK_EXTENSION, 0));
	b.cpu.fd = cpu2;
	finish(&b.cpu);
	OK(close(cpu2));
	b.cpu.fd = cpu3;
	EQ(regs_get(&b.cpu).rip, CODE + 1);
}

static void dup_over(void)
{
	struct vm vm;
	int null;

	vm_bare(&vm);
	null = OK(open("/dev/null", O_RDWR));
	OK(dup2(null, vm.fd));
	REFUSED(ioctl(vm.fd, KVM_CREATE_VCPU, 0), ENOTTY);
}

static void close_order(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, fd_hlt);
	OK(close(kvm_fd()));
	OK(close(b.vm.fd));
	finish(&b.cpu);
	OK(close(b.cpu.fd));
	EQ(b.cpu.run->exit_reason, KVM_EXIT_HLT); /* the mapping holds on */
}

static void many_machines(void)
{
	for (int i = 0; i < 50; i++) {
		struct box b;

		BOX(&b, i % 2 ? IRQCHIP_KERNEL : IRQCHIP_NONE, REAL16, fd_hlt);
		if (!(i % 2))
			finish(&b.cpu);
		munmap(b.cpu.run, b.cpu.run_size);
		OK(close(b.cpu.fd));
		OK(close(b.vm.fd));
		munmap(b.vm.mem, b.vm.size);
	}
}

static void poll_ready(void)
{
	struct vm vm;
	struct pollfd p[2] = { { .events = POLLIN | POLLOUT }, { .events = POLLIN | POLLOUT } };

	vm_bare(&vm);
	p[0].fd = kvm_fd();
	p[1].fd = vm.fd;
	EQ(OK(poll(p, 2, 0)), 2);
	CHECK((p[0].revents & POLLIN) && (p[1].revents & POLLIN));
}

static void mmap_vcpu(void)
{
	struct vm vm;
	struct vcpu c;
	void *p;

	vm_make(&vm, IRQCHIP_NONE);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, kvm_fd(), 0) == MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, vm.fd, 0) == MAP_FAILED);
	vcpu_make(&vm, &c, 0);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c.fd, 0);
	CHECK(p != MAP_FAILED);
	c.run->request_interrupt_window = 1;
	EQ(((struct kvm_run *)p)->request_interrupt_window, 1);
}

static void forked_child(void)
{
	struct box b;
	int status;
	pid_t pid;

	BOX(&b, IRQCHIP_NONE, REAL16, fd_hlt);
	pid = OK(fork());
	if (!pid) {
		struct kvm_regs r;

		REFUSED(ioctl(b.vm.fd, KVM_CREATE_VCPU, 1), EIO);
		REFUSED(ioctl(b.cpu.fd, KVM_GET_REGS, &r), EIO);
		REFUSED(ioctl(b.cpu.fd, KVM_RUN, 0), EIO);
		EQ(OK(ioctl(kvm_fd(), KVM_GET_API_VERSION, 0)), 12);
		_exit(0);
	}
	OK(waitpid(pid, &status, 0));
	EQ(status, 0);
	finish(&b.cpu);
}

static void forked_new_machine(void)
{
	struct box b;
	int status;
	pid_t pid;

	BOX(&b, IRQCHIP_NONE, REAL16, fd_hlt);
	finish(&b.cpu);
	pid = OK(fork());
	if (!pid) {
		struct box own;

		BOX(&own, IRQCHIP_NONE, REAL16, fd_hlt);
		finish(&own.cpu);
		_exit(0);
	}
	OK(waitpid(pid, &status, 0));
	EQ(status, 0);
}

static void pass_over_socket(void)
{
	struct vm vm;
	int sv[2], fd;
	char byte = 0, space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = space,
			    .msg_controllen = sizeof(space) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

	vm_bare(&vm);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &vm.fd, sizeof(int));
	OK(sendmsg(sv[0], &m, 0));
	OK(recvmsg(sv[1], &m, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	CHECK(fd != vm.fd);
	OK(ioctl(fd, KVM_CHECK_EXTENSION, 0));
}

static const struct api_test rows[] = {
	{ "fd/char-device", device_is_char, "fstat says a character device" },
	{ "fd/open-flags", open_flags, "open flags are kept; a read-only open is enough" },
	{ "fd/fopen", fopen_works, "stdio opens it too" },
	{ "fd/read-write", read_write, "read and write are EINVAL" },
	{ "fd/after-close", use_after_close, "EBADF" },
	{ "fd/number-reused", number_reused, "a number taken over by another file is that file" },
	{ "fd/cloexec", cloexec, "VM and vCPU descriptors close on exec" },
	{ "fd/dup", dup_works, "dup, dup2, F_DUPFD: all names stay usable until the last closes" },
	{ "fd/dup-over", dup_over, "dup2 onto a VM's number takes it away" },
	{ "fd/close-order", close_order, "a vCPU outlives the VM's descriptor" },
	{ "fd/many-machines", many_machines, "machines come and go" },
	{ "fd/poll", poll_ready, "always ready" },
	{ "fd/mmap", mmap_vcpu, "only a vCPU maps, and every mapping is the same page" },
	{ "fd/fork", forked_child, "in a child EIO, the parent's machine goes on" },
	{ "fd/fork-new-machine", forked_new_machine, "a child can make a machine of its own" },
	{ "fd/scm-rights", pass_over_socket, "a descriptor sent over a socket is usable" },
};

SUITE(fd_suite, rows);
