/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The code watch, by each method that this process may use: every way in which
 * a host program or the kernel writes guest RAM is reported, once, and lands.
 *
 *     watch [uffd | user-uffd | mprotect]	(none: all three, each in a child)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake-core.h"
#include "home.h"
#include "tests/tap.h"

#define PAGES 64
#define PAGE(n) (ram + (size_t)(n)*4096)

static const char *method;
static u8 *ram;
static struct vm *vm;

static void *copier(void *arg)
{
	memcpy(PAGE(3) + 100, "thread", 6);
	return NULL;
}

static bool once(int n)
{
	return fake_written(PAGE(n)) == 1;
}

static void test_memory(const char *kind)
{
	pthread_t t;
	u64 val = 7;

	fake_forget();
	memset(ram, 1, PAGES * 4096);
	ok(!plat_watch_page(vm, PAGE(1) + 5) && !plat_watch_page(vm, PAGE(1)),
	   "%s: watch a page, twice", kind);
	ok(PAGE(1)[7] == 1 && !fake_written_total, "%s: reading it is nothing", kind);
	PAGE(1)[9] = 5;
	ok(once(1) && PAGE(1)[9] == 5, "%s: a write is told once and lands", kind);
	PAGE(1)[9] = 6;
	ok(once(1), "%s: the next write is not told", kind);

	plat_watch_page(vm, PAGE(1));
	ok(home_watch_is_on((u64)PAGE(1)) && plat_guest_page(vm, (u64)PAGE(1), true) == PAGE(1) &&
		   once(1),
	   "%s: asking for the page to write does not end the watch", kind);
	ok(!plat_guest_write(PAGE(1) + 8, &val, 8) && fake_written(PAGE(1)) == 2,
	   "%s: plat_guest_write is told", kind);

	plat_watch_page(vm, PAGE(2));
	plat_unwatch_page(vm, PAGE(2));
	PAGE(2)[0] = 2;
	ok(!fake_written(PAGE(2)), "%s: nothing is told after unwatch", kind);

	plat_watch_page(vm, PAGE(3));
	pthread_create(&t, NULL, copier, NULL);
	pthread_join(t, NULL);
	ok(once(3) && !memcmp(PAGE(3) + 100, "thread", 6), "%s: memcpy of another thread", kind);

	plat_watch_page(vm, PAGE(4));
	plat_watch_page(vm, PAGE(5));
	plat_watch_page(vm, PAGE(6));
	memset(PAGE(4) + 4000, 9, 4096);
	ok(once(4) && once(5) && !fake_written(PAGE(6)), "%s: a write over two pages", kind);
	plat_unwatch_page(vm, PAGE(6));
}

/* As the shim does it. */
#define BRACKET(iov, cnt, call)                           \
	({                                                \
		struct home_io io_;                       \
		bool on_ = home_io_begin(&io_, iov, cnt); \
		long ret_ = (call);                       \
		if (on_)                                  \
			home_io_end(&io_);                \
		ret_;                                     \
	})

static void test_kernel(const char *kind)
{
	char name[] = "/tmp/anykvm-watch-XXXXXX";
	struct iovec iov[3] = { { PAGE(10), 100 }, { PAGE(12), 8192 }, { PAGE(20) + 10, 10 } };
	u8 file[16384];
	int fd = mkstemp(name), sv[2], i;
	long n;

	unlink(name);
	for (i = 0; i < (int)sizeof(file); i++)
		file[i] = (u8)(i * 7 + 1);
	ok(write(fd, file, sizeof(file)) == sizeof(file), "%s: a file to read", kind);
	fake_forget();
	for (i = 10; i < 25; i++)
		plat_watch_page(vm, PAGE(i));

	n = BRACKET(iov, 3, preadv(fd, iov, 3, 0));
	ok(n == 8302 && !memcmp(PAGE(10), file, 100) && !memcmp(PAGE(12), file + 100, 8192) &&
		   !memcmp(PAGE(20) + 10, file + 8292, 10),
	   "%s: preadv lands", kind);
	ok(once(10) && once(12) && once(13) && once(20) && fake_written_total == 4,
	   "%s: and is told of its four pages (%u %u %u %u, %u)", kind, fake_written(PAGE(10)),
	   fake_written(PAGE(12)), fake_written(PAGE(13)), fake_written(PAGE(20)),
	   fake_written_total);

	iov[0] = (struct iovec){ PAGE(15) + 4090, 12 };
	n = BRACKET(iov, 1, pread(fd, PAGE(15) + 4090, 12, 0));
	ok(n == 12 && once(15) && once(16) && !memcmp(PAGE(15) + 4090, file, 12),
	   "%s: pread across a border", kind);

	socketpair(AF_UNIX, SOCK_DGRAM, 0, sv);
	n = write(sv[0], "packet", 6);
	iov[0] = (struct iovec){ PAGE(18), 4096 };
	n = BRACKET(iov, 1, recv(sv[1], PAGE(18), 4096, 0));
	ok(n == 6 && once(18) && !memcmp(PAGE(18), "packet", 6), "%s: recv", kind);
	close(sv[0]);
	close(sv[1]);
	close(fd);
}

static int pipefd[2];

static void *slow_reader(void *arg)
{
	struct iovec iov = { PAGE(30), 4096 };
	long n = BRACKET(&iov, 1, read(pipefd[0], PAGE(30), 4096));

	return (void *)n;
}

/*
 * A read that waits while the engine translates the page: the watch must neither break it nor
 * miss it.
 */
static void test_in_flight(const char *kind)
{
	pthread_t t;
	void *ret;

	if (pipe(pipefd))
		return;
	fake_forget();
	plat_watch_page(vm, PAGE(30));
	pthread_create(&t, NULL, slow_reader, NULL);
	usleep(50000);
	ok(!plat_watch_page(vm, PAGE(30)), "%s: watch a page that a sleeping read will write",
	   kind);
	ok(write(pipefd[1], "late", 4) == 4, "%s: its data comes", kind);
	pthread_join(t, &ret);
	ok((long)ret == 4 && !memcmp(PAGE(30), "late", 4) && fake_written(PAGE(30)) >= 1,
	   "%s: the read succeeds and is told", kind);
	close(pipefd[0]);
	close(pipefd[1]);
}

static u32 stop, seen;

static void *hammer(void *arg)
{
	u32 n = 0;

	while (!READ_ONCE(stop)) {
		WRITE_ONCE(*(u32 *)(PAGE(40 + (n % 4))), n);
		n++;
	}
	return NULL;
}

/* Two writers against a watcher: no deadlock, no lost fault, no crash. */
static void test_race(const char *kind)
{
	pthread_t t[2];
	int i;

	fake_forget();
	stop = 0;
	pthread_create(&t[0], NULL, hammer, NULL);
	pthread_create(&t[1], NULL, hammer, NULL);
	for (i = 0; i < 4000; i++) {
		plat_watch_page(vm, PAGE(40 + i % 4));
		if (i % 7 == 0)
			plat_unwatch_page(vm, PAGE(40 + i % 4));
	}
	/* Pages stay watched and writers write: where they have not yet run, one is told when they do. */
	i = 0;
	do {
		usleep(10000);
	} while (!READ_ONCE(fake_written_total) && ++i < 1000);
	stop = 1;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	seen = fake_written_total;
	ok(seen > 0, "%s: watcher against two writers (%u writes told)", kind, seen);
	for (i = 0; i < 4; i++)
		PAGE(40 + i)[0] = 1;
}

static sigset_t none;
static volatile int host_faults;

static void host_segv(int sig, siginfo_t *info, void *uc)
{
	host_faults++;
	mprotect((void *)((u64)info->si_addr & ~4095ull), 4096, PROT_READ | PROT_WRITE);
}

/* Faults that are the host program's own reach its handler; vanished pages do not kill. */
static void test_host_faults(const char *kind)
{
	struct sigaction sa = { .sa_sigaction = host_segv,
				.sa_flags = SA_SIGINFO,
				.sa_mask = none },
			 old;
	u64 val = 1;
	u8 buf[8];

	home_sigaction(SIGSEGV, &sa, &old);
	mprotect(PAGE(50), 4096, PROT_READ);
	WRITE_ONCE(PAGE(50)[0], 1);
	ok(host_faults == 1 && PAGE(50)[0] == 1,
	   "%s: the host program's own SIGSEGV in guest RAM (%d)", kind, host_faults);
	host_faults = 0;
	home_sigaction(SIGSEGV, &old, NULL);

	mprotect(PAGE(51), 4096, PROT_READ);
	ok(!plat_watch_page(vm, PAGE(51)) && plat_guest_write(PAGE(51), &val, 8) == -EFAULT,
	   "%s: a read-only page needs no watch and refuses writes", kind);
	munmap(PAGE(52), 4096);
	ok(plat_watch_page(vm, PAGE(52)) == -EFAULT &&
		   plat_guest_read(buf, PAGE(52), 8) == -EFAULT &&
		   !plat_guest_page(vm, (u64)PAGE(52), false),
	   "%s: a page that has gone", kind);

	fake_forget();
	plat_watch_page(vm, PAGE(53));
	home_watch_range_gone((u64)PAGE(53), 4096);
	mmap(PAGE(53), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	     0);
	ok(once(53), "%s: a page mapped anew was told of", kind);
	PAGE(53)[0] = 1;
	plat_watch_page(vm, PAGE(53));
	PAGE(53)[0] = 2;
	ok(fake_written(PAGE(53)) == 2, "%s: and can be watched again", kind);
}

static void test_fork(const char *kind)
{
	int status;
	pid_t pid;

	plat_watch_page(vm, PAGE(55));
	pid = fork();
	if (!pid) {
		PAGE(55)[0] = 3; /* must neither hang nor die */
		_exit(PAGE(55)[0] == 3 ? 0 : 1);
	}
	ok(waitpid(pid, &status, 0) == pid && !status, "%s: a forked child writes a watched page",
	   kind);
	fake_forget();
	PAGE(55)[0] = 4;
	ok(once(55), "%s: the parent's watch still holds", kind);
}

static void run_kind(const char *kind, u8 *mem)
{
	ram = mem;
	if (mem == MAP_FAILED) {
		skip("no such memory here", "%s", kind);
		return;
	}
	vm = fake_vm(ram, PAGES * 4096);
	test_memory(kind);
	test_kernel(kind);
	test_in_flight(kind);
	test_race(kind);
	test_host_faults(kind);
	test_fork(kind);
	plat_watch_page(vm, PAGE(60));
	plat_guest_unmap(vm, 0, ~0ull);
	fake_forget();
	PAGE(60)[0] = 1;
	ok(!fake_written_total, "%s: nothing is told after the VM has gone", kind);
	munmap(ram, PAGES * 4096);
	free(vm);
}

/* More separate pages than there may be mappings. */
static void test_many(void)
{
	u32 n = 40000, i, bad = 0;

	ram = mmap(NULL, (size_t)n * 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	vm = fake_vm(ram, (size_t)n * 2 * 4096);
	fake_forget();
	for (i = 0; i < n; i++)
		bad += !!plat_watch_page(vm, PAGE(i * 2));
	ok(!bad, "40000 separate pages can be watched");
	for (i = 0; i < n; i++)
		PAGE(i * 2)[0] = 1;
	ok(fake_written_total == n, "each is told of once (%u)", fake_written_total);
	plat_guest_unmap(vm, 0, ~0ull);
	munmap(ram, (size_t)n * 2 * 4096);
	free(vm);
}

/* Pages of 2 MB are watched whole, and told of whole. */
static void test_huge(void)
{
	u32 bad = 0;
	u64 i;

	ram = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		   -1, 0);
	if (ram == MAP_FAILED) {
		skip("no huge pages are reserved here", "hugetlb");
		return;
	}
	vm = fake_vm(ram, 4 << 20);
	fake_forget();
	ok(!plat_watch_page(vm, PAGE(3)) && !plat_watch_page(vm, PAGE(5)), "hugetlb: watch");
	PAGE(700)[0] = 1;
	ok(!fake_written_total, "hugetlb: the other page is not watched");
	PAGE(5)[0] = 1;
	for (i = 0; i < 512; i++)
		bad += fake_written(PAGE(i)) != 1;
	ok(!bad && fake_written_total == 512, "hugetlb: a write is told of, for the whole page");
	plat_guest_unmap(vm, 0, ~0ull);
	munmap(ram, 4 << 20);
	free(vm);
}

static int one_method(void)
{
	int fd;

	home_signals_init();
	setenv("ANYKVM_WATCH", method, 1);
	if (strcmp(home_watch_method(), method)) {
		printf("1..0 # SKIP this process may not use %s\n", method);
		return 0;
	}
	run_kind("anonymous", mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	fd = memfd_create("ram", 0);
	if (ftruncate(fd, PAGES * 4096))
		return 1;
	run_kind("memfd", mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	fd = open("/proc/self/exe", O_RDONLY);
	run_kind("private file",
		 mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	test_many();
	test_huge();
	return tap_done();
}

int main(int argc, char **argv)
{
	static const char *const all[] = { "uffd", "user-uffd", "mprotect" };
	int i, status, bad = 0;

	if (argc > 1) {
		method = argv[1];
		return one_method();
	}
	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			execl(argv[0], argv[0], all[i], NULL);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		bad |= status;
	}
	return bad ? 1 : 0;
}
