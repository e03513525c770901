/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process home's plat.h, piece by piece, over a fake core: locks, timers,
 * eventfds, the vCPU's thread and its signals, files and what ends them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "anykvm.h"
#include "fake-core.h"
#include "home.h"
#include "tests/tap.h"

/* ---- memory ---- */

static void test_memory(void)
{
	u8 *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u8 buf[16] = "0123456789abcde";
	u64 old, val;
	void *rw, *rx;
	bool done;
	u8 *stack;
	u64 n, bad;

	munmap(p + 4096, 4096);
	ok(!plat_guest_write(p, buf, 16) && !plat_guest_read(buf, p, 16) && !memcmp(p, buf, 16),
	   "guest copies");
	ok(plat_guest_write(p + 4090, buf, 16) == -EFAULT,
	   "a write over a vanished page is -EFAULT");
	ok(plat_copy_from_user(buf, (u64)p + 4096, 1) == -EFAULT &&
		   plat_copy_to_user(~0ull - 8, buf, 16) == -EFAULT &&
		   plat_copy_from_user(buf, 0x800000000000ull, 8) == -EFAULT,
	   "bad user addresses are -EFAULT");
	bad = 0;
	for (n = 0; n < 300; n++) {
		static u8 src[300], dst[302];
		u64 i;

		for (i = 0; i < n; i++)
			src[i] = (u8)(i * 3 + n);
		memset(dst, 0xee, sizeof(dst));
		bad += plat_guest_write(dst + 1, src, n) || memcmp(dst + 1, src, n) ||
		       dst[0] != 0xee || dst[n + 1] != 0xee;
		bad += n && plat_guest_write(p + 4097 - n, src, n) != -EFAULT;
	}
	ok(!bad, "copies of every size to 300, and one byte too far");
	*(u64 *)p = 5;
	old = 5;
	val = 6;
	ok(!plat_guest_cmpxchg(p, &old, &val, 8, &done) && done && *(u64 *)p == 6 && old == 5,
	   "cmpxchg exchanges");
	ok(!plat_guest_cmpxchg(p, &old, &val, 8, &done) && !done && old == 6,
	   "cmpxchg shows what it found");
	ok(plat_guest_cmpxchg(p + 4096, &old, &val, 4, &done) == -EFAULT && !done,
	   "cmpxchg on a vanished page");
	memset(p, 3, 16);
	memset(buf, 3, 16);
	{
		u8 new_[16] = { 1, 2, 3 };

		ok(!plat_guest_cmpxchg(p, buf, new_, 16, &done) && done && !memcmp(p, new_, 16),
		   "cmpxchg of 16 bytes");
		ok(plat_guest_cmpxchg(p + 8, buf, new_, 16, &done) == -EFAULT, "but only aligned");
	}
	munmap(p, 4096);
	ok(!plat_code_alloc(65536, &rw, &rx) && rw != rx, "memory for code, twice");
	memcpy(rw, "\xb8\x2a\0\0\0\xc3", 6); /* mov $42, %eax; ret */
	ok(((int (*)(void))rx)() == 42, "what is written at one address runs at the other");
	memset(rw, 0x90, 65536);
	plat_forget((char *)rw + 1, 65535);
	ok(!mincore(rw, 65536, (void *)buf) && (buf[0] & 1) && !(buf[1] & 1) && !(buf[15] & 1),
	   "what is forgotten is the host's, but for a page that is kept in part");
	memcpy((char *)rw + 8192, "\xb8\x2b\0\0\0\xc3", 6);
	ok(((u8 *)rw)[1] == 0x90 && ((int (*)(void))((char *)rx + 8192))() == 43,
	   "and can be used again");
	plat_code_free(rw, rx, 65536);
	stack = plat_stack_alloc(100000, 5000);
	stack[-1] = 1;
	stack[-100000] = 1;
	stack[4999] = 1;
	ok(plat_guest_write(stack - 102400 - 8, &val, 8) == -EFAULT, "a stack has a guard page");
	plat_stack_free(stack, 100000, 5000);
	ok(!((u64)(p = plat_alloc(100)) & 63) && !p[0] && !p[99],
	   "memory of our own is aligned and zero");
	plat_free(p);
}

/* ---- locks ---- */

static struct plat_mutex mutex;
static struct plat_rwlock rw;
static struct plat_spinlock spin;
static u64 counter, spins, readers_in, broken;

static void *locker(void *arg)
{
	int i;

	for (i = 0; i < 20000; i++) {
		plat_mutex_lock(&mutex);
		counter++;
		plat_mutex_unlock(&mutex);
		plat_spin_lock(&spin);
		spins++;
		plat_spin_unlock(&spin);
		plat_read_lock(&rw);
		plat_atomic_add64(&readers_in, 1);
		plat_atomic_add64(&readers_in, -1ull);
		plat_read_unlock(&rw);
		if (i % 16 == 0) {
			plat_write_lock(&rw);
			if (READ_ONCE(readers_in))
				broken++;
			plat_write_unlock(&rw);
		}
	}
	return NULL;
}

static void test_locks(void)
{
	pthread_t t[4];
	int i;

	plat_mutex_init(&mutex);
	plat_rwlock_init(&rw);
	plat_spin_init(&spin);
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, locker, NULL);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ok(counter == 80000 && spins == 80000, "mutex and spinlock of four threads");
	ok(!broken, "no reader is in while a writer is");
}

/* ---- timers ---- */

static struct plat_timer timers[50];
static u32 fired[50], order_broken, last_fired;
static u64 fired_at[50];

static void on_timer(struct plat_timer *t)
{
	u32 i = t - timers;

	fired_at[i] = plat_time_ns();
	if (fired_at[i] < t->deadline || i < last_fired)
		order_broken++;
	last_fired = i;
	plat_atomic_add32(&fired[i], 1);
}

static struct plat_timer again;
static u32 again_n;

static void on_again(struct plat_timer *t)
{
	if (plat_atomic_add32(&again_n, 1) < 9)
		plat_timer_start(t, plat_time_ns() + 1000000);
}

static void test_timers(void)
{
	u64 start = plat_time_ns();
	u32 i, n = 0;

	for (i = 0; i < 50; i++)
		plat_timer_init(&timers[i], on_timer);
	for (i = 50; i-- > 0;)
		plat_timer_start(&timers[i], start + 20000000 + i * 1000000);
	for (i = 10; i < 20; i++)
		plat_timer_cancel(&timers[i]);
	plat_timer_start(&timers[49], start + 300000000000);
	for (i = 0; i < 500 && !READ_ONCE(fired[48]); i++)
		usleep(10000);
	for (i = 0; i < 50; i++)
		n += READ_ONCE(fired[i]);
	ok(n == 39 && !fired[12] && !fired[49],
	   "timers fire, cancelled and postponed ones do not (%u)", n);
	ok(!order_broken, "in their order, and never early");
	for (i = 0; i < 50; i++)
		plat_timer_destroy(&timers[i]);
	plat_timer_init(&again, on_again);
	plat_timer_start(&again, plat_time_ns());
	for (i = 0; i < 500 && READ_ONCE(again_n) < 10; i++)
		usleep(10000);
	ok(READ_ONCE(again_n) == 10, "a timer starts itself again");
	plat_timer_destroy(&again);
}

/* ---- eventfds ---- */

static u32 heard;

static void on_event(void *arg)
{
	plat_atomic_add32(&heard, 1);
}

static void test_eventfds(void)
{
	int fd = eventfd(0, 0), copy = dup(fd), other = eventfd(0, 0), err, i;
	struct plat_eventfd *a, *b, *c;
	u64 one = 1;

	a = plat_eventfd_get(fd, &err);
	b = plat_eventfd_get(copy, &err);
	c = plat_eventfd_get(other, &err);
	ok(a && b && c && plat_eventfd_same(a, b) && !plat_eventfd_same(a, c),
	   "eventfds know each other");
	ok(!plat_eventfd_get(-1, &err) && err == -EBADF, "a bad descriptor is -EBADF");
	ok(!plat_eventfd_get(0, &err) && err == -EINVAL, "another file is -EINVAL");
	plat_eventfd_signal(a);
	ok(read(fd, &one, 8) == 8 && one == 1, "signal is seen by the host program");
	ok(!plat_eventfd_listen(a, on_event, on_event, &heard), "listen");
	for (i = 0; i < 10; i++) {
		u32 was = heard;

		err = write(copy, &one, 8) == 8 ? 0 : 1;
		for (int k = 0; k < 200 && READ_ONCE(heard) == was; k++)
			usleep(1000);
	}
	ok(heard == 10, "each signal is heard (%u)", heard);
	close(fd);
	close(copy);
	plat_eventfd_unlisten(a, &heard);
	plat_eventfd_signal(a);
	usleep(20000);
	ok(heard == 10, "none after unlisten");
	plat_eventfd_put(a);
	plat_eventfd_put(b);
	plat_eventfd_put(c);
	close(other);
}

/* ---- files ---- */

static u32 open_fds(void)
{
	u32 n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int send_recv(int fd)
{
	char buf[CMSG_SPACE(sizeof(int))], c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int sv[2], got;

	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	sendmsg(sv[0], &m, 0);
	anykvm_close(fd);
	ok(!fake_releases[PLAT_FILE_VM],
	   "a VM lives while its descriptor is under way in a socket");
	recvmsg(sv[1], &m, 0);
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
	close(sv[0]);
	close(sv[1]);
	return got;
}

static void test_files(void)
{
	u32 before = open_fds();
	int kvm = anykvm_open(), vm, vcpu, vcpu2, copy, status, got;
	struct pollfd p = { .events = POLLIN | POLLOUT };
	struct kvm_run *run, *run2;
	u8 *ring1, *ring2;
	pid_t pid;

	ok(kvm >= 0 && fcntl(kvm, F_GETFD) == FD_CLOEXEC, "open: close-on-exec");
	ok(anykvm_ioctl(kvm, KVM_GET_API_VERSION, NULL) == 12, "an ioctl");
	ok(anykvm_ioctl(0, KVM_GET_API_VERSION, NULL) == -1 && errno == ENOTTY, "not on strangers");
	vm = anykvm_ioctl(kvm, KVM_CREATE_VM, NULL);
	vcpu = anykvm_ioctl(vm, KVM_CREATE_VCPU, NULL);
	vcpu2 = anykvm_ioctl(vm, KVM_CREATE_VCPU, NULL);
	ok(vm >= 0 && vcpu >= 0 && vcpu2 >= 0, "a VM with two vCPUs");
	p.fd = vm;
	ok(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT),
	   "poll gives what anonymous inodes give");

	run = anykvm_mmap(3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	run2 = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	run->exit_reason = 77;
	ok(run2->exit_reason == 77, "a plain mmap shows the same kvm_run");
	ring1 = (u8 *)run + 2 * 4096;
	ring2 = anykvm_mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu2, 2 * 4096);
	ring1[9] = 9;
	ok(ring2[9] == 9, "the coalesced ring is one for both vCPUs");
	ok(anykvm_mmap(4096, PROT_READ, MAP_SHARED, vm, 0) == MAP_FAILED && errno == ENODEV,
	   "a VM has no memory to map");

	copy = dup(vm);
	ok(anykvm_ioctl(copy, KVM_CHECK_EXTENSION, NULL) == 0, "an ioctl on a dup that nobody saw");
	anykvm_close(vm);
	ok(!fake_releases[PLAT_FILE_VM], "the VM lives by its dup");
	got = send_recv(copy);
	ok(anykvm_ioctl(got, KVM_CHECK_EXTENSION, NULL) == 0, "and can be used when it has come");

	pid = fork();
	if (!pid) {
		int bad = 0;

		bad |= anykvm_ioctl(got, KVM_CHECK_EXTENSION, NULL) != -1 || errno != EIO;
		bad |= 2 * (anykvm_ioctl(vcpu, KVM_RUN, NULL) != -1 || errno != EIO);
		bad |= 4 * (anykvm_ioctl(kvm, KVM_GET_API_VERSION, NULL) != 12);
		bad |= 8 * (anykvm_ioctl(kvm, KVM_CREATE_VM, NULL) < 0);
		anykvm_close(got);
		anykvm_close(vcpu);
		bad |= 16 * (fake_releases[PLAT_FILE_VM] || fake_releases[PLAT_FILE_VCPU]);
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	ok(!status, "a forked child: EIO, a VM of its own, harmless closes (%#x)", status);

	anykvm_close(vcpu);
	ok(!fake_releases[PLAT_FILE_VCPU], "a vCPU lives by its mappings");
	anykvm_munmap(run2, 4096);
	ok(!fake_releases[PLAT_FILE_VCPU], "by each of them");
	anykvm_munmap(run, 3 * 4096);
	ok(fake_releases[PLAT_FILE_VCPU] == 1, "and ends with the last");
	anykvm_munmap(ring2, 4096);
	anykvm_close(vcpu2);
	ok(fake_releases[PLAT_FILE_VCPU] == 2,
	   "the other ends with its descriptor: the ring's page is not its own");
	anykvm_close(got);
	ok(fake_releases[PLAT_FILE_VM] == 1, "the VM ends");
	got = anykvm_ioctl(kvm, KVM_CREATE_VM, NULL);
	close(got); /* unseen */
	ok(fake_releases[PLAT_FILE_VM] == 1, "a close that nobody saw");
	got = anykvm_ioctl(kvm, KVM_CREATE_VM, NULL);
	ok(fake_releases[PLAT_FILE_VM] == 2, "is found when the next VM is made");
	anykvm_close(got);
	anykvm_close(kvm);
	ok(fake_releases[PLAT_FILE_SYSTEM] == 1 && fake_releases[PLAT_FILE_VM] == 3,
	   "everything has ended");
	/* The eventfd thread keeps its epoll descriptor. */
	ok(open_fds() <= before + 1, "no descriptor is left behind (%u, %u)", before, open_fds());
}

/* ---- the vCPU's thread ---- */

static volatile int handled;
static pthread_t runner;
static struct kvm_run *the_run;

static void on_signal(int sig)
{
	handled++;
}

static void on_immediate(int sig)
{
	handled++;
	the_run->immediate_exit = 1;
}

static void *kicker(void *arg)
{
	usleep(20000);
	pthread_kill(runner, (int)(long)arg);
	return NULL;
}

static int run_with(int vcpu, int sig)
{
	pthread_t t;
	int ret;

	pthread_create(&t, NULL, kicker, (void *)(long)sig);
	ret = anykvm_ioctl(vcpu, KVM_RUN, NULL) ? errno : 0;
	pthread_join(t, NULL);
	return ret;
}

struct mask {
	struct kvm_signal_mask head;
	u64 set;
} __attribute__((packed));

static void test_signals(void)
{
	int kvm = anykvm_open(), vm = anykvm_ioctl(kvm, KVM_CREATE_VM, NULL);
	int vcpu = anykvm_ioctl(vm, KVM_CREATE_VCPU, NULL), i, sig;
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, old;
	struct mask m = { .head.len = 8, .set = 0 };
	struct timespec zero = { 0, 0 };
	sigset_t block, was, pend;
	u32 kicks = fake_kicks;

	runner = pthread_self();
	the_run = anykvm_mmap(3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	anykvm_sigaction(SIGUSR1, &sa, NULL);
	anykvm_sigaction(SIGUSR1, NULL, &old);
	ok(old.sa_handler == on_signal && old.sa_flags == SA_RESTART,
	   "sigaction tells the host program's own handler");
	ok(run_with(vcpu, SIGUSR1) == EINTR && handled == 1,
	   "a handler that runs inside KVM_RUN ends it");
	ok(fake_kicks == kicks + 1, "and kicks the engine");
	for (i = 0; i < 200; i++) {
		pthread_t t;

		/*
		 * Without the sleep: before, at, and after the moment that KVM_RUN begins to
		 * wait.
		 */
		sa.sa_handler = on_immediate;
		anykvm_sigaction(SIGUSR2, &sa, NULL);
		the_run->immediate_exit = 0;
		pthread_create(&t, NULL, kicker, (void *)(long)SIGUSR2);
		usleep(19800 + i * 2);
		if (anykvm_ioctl(vcpu, KVM_RUN, NULL) != -1 || errno != EINTR)
			break;
		pthread_join(t, NULL);
		if (i == 40)
			i = 159;
	}
	ok(i == 200, "a signal at any moment ends KVM_RUN, with immediate_exit");
	the_run->immediate_exit = 0;

	/* As QEMU without immediate_exit: blocked outside, open inside, taken with sigtimedwait. */
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGRTMIN + 3); /* with no handler at all */
	pthread_sigmask(SIG_BLOCK, &block, &was);
	handled = 0;
	anykvm_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &m);
	ok(run_with(vcpu, SIGUSR1) == EINTR && !handled,
	   "a signal that is open only inside ends KVM_RUN, unhandled");
	sigpending(&pend);
	ok(sigismember(&pend, SIGUSR1), "and is pending after it");
	ok(anykvm_ioctl(vcpu, KVM_RUN, NULL) == -1 && errno == EINTR,
	   "so the next KVM_RUN ends at once");
	sig = sigtimedwait(&block, NULL, &zero);
	ok(sig == SIGUSR1 && !handled, "until somebody takes it");
	ok(run_with(vcpu, SIGRTMIN + 3) == EINTR, "the same for one that has no handler");
	ok(sigtimedwait(&block, NULL, &zero) == SIGRTMIN + 3 &&
		   sigtimedwait(&block, NULL, &zero) == -1,
	   "which is taken once");
	anykvm_ioctl(vcpu, KVM_SET_SIGNAL_MASK, NULL);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	ok(sigprocmask(SIG_BLOCK, NULL, &block) == 0 && !sigismember(&block, SIGUSR1),
	   "the mask is what it was");
	anykvm_munmap(the_run, 3 * 4096);
	anykvm_close(vcpu);
	anykvm_close(vm);
	anykvm_close(kvm);
}

/* ---- faults in generated code ---- */

static u64 fault_addr;

static bool skip_fault(struct vcpu *v, struct engine_fault *f)
{
	fault_addr = f->addr;
	if (f->signo != SIGSEGV && f->signo != SIGFPE)
		return false;
	f->gpr[0] = f->gpr[1] + 1; /* rax = rcx + 1 */
	f->rip += f->signo == SIGSEGV ? 2 : 2;
	return true;
}

static void test_faults(void)
{
	static struct vm vm;
	static struct vcpu v;
	void *rw_, *rx;
	u64 ret;

	vm.engine = &bt_engine;
	v.vm = &vm;
	fake_fault = skip_fault;
	plat_code_alloc(4096, &rw_, &rx);
	memcpy(rw_, "\x8b\x07\xc3", 3); /* mov (%rdi), %eax; ret */
	plat_thread_enter(&v.thread, &v);
	plat_code_range(&v.thread, (u64)rx, (u64)rx + 4096);
	__asm__ volatile("call *%2" : "=a"(ret) : "D"(0x1000ull), "r"(rx), "c"(41ull) : "memory");
	ok(ret == 42 && fault_addr == 0x1000,
	   "a fault in generated code is the engine's, with registers both ways");
	memcpy(rw_, "\xf7\xf7\xc3", 3); /* div %edi; ret */
	__asm__ volatile("call *%3"
			 : "=a"(ret)
			 : "0"(1ull), "D"(0ull), "r"(rx), "c"(6ull), "d"(0ull)
			 : "memory");
	ok(ret == 7, "a divide error too");
	plat_thread_leave(&v.thread);
	plat_code_free(rw_, rx, 4096);
}

static void test_words(void)
{
	u32 r[4];
	char buf[8];
	u32 khz = plat_tsc_khz();
	u64 t0 = plat_time_ns(), c0 = plat_rdtsc(), t1, c1, seen;

	usleep(100000);
	t1 = plat_time_ns();
	c1 = plat_rdtsc();
	seen = (c1 - c0) * 1000000 / (t1 - t0);
	ok(seen > khz / 1000 * 990 && seen < khz / 1000 * 1010ull, "TSC at %u kHz (%lu seen)", khz,
	   (unsigned long)seen);
	plat_cpuid(1, 0, r);
	ok(r[3] & 1, "CPUID");
	ok(plat_snprintf(buf, sizeof(buf), "%d", 123456789) == 9 && !strcmp(buf, "1234567"),
	   "snprintf");
	plat_run_delay_ns();
	ok(plat_boot_ns() >= plat_time_ns() - 1000000000 && plat_real_ns() > plat_boot_ns(),
	   "clocks");
}

int main(void)
{
	test_files();
	home_signals_init();
	test_memory();
	test_locks();
	test_timers();
	test_eventfds();
	test_signals();
	test_faults();
	test_words();
	return tap_done();
}
