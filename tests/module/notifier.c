/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host may do to memory that a guest is using, all of it at any time:
 * take pages away (MADV_DONTNEED, a hole punched in a file), put them out to
 * swap, merge equal ones, copy them on write after a fork, make huge pages and
 * break them up, move them about. The guest's two CPUs check each page that they
 * meet; a stale translation shows as a page of another round, or of somebody else.
 */
/* row: seconds=40 */
#include <linux/falloc.h>
#include <sys/wait.h>

#include "guest.h"

#define SIZE (8u << 20)
#define HALF (3u << 20)
#define EACH_SECONDS 3.0
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static struct guest g;
static int file = -1;
static unsigned int seed = 1;

static char *some(size_t *len)
{
	uint32_t pages = (2 * HALF) >> 12, at = (uint32_t)rand_r(&seed) % pages;

	*len = (size_t)(1 + rand_r(&seed) % 64) << 12;
	if (*len > (size_t)(pages - at) << 12)
		*len = (size_t)(pages - at) << 12;
	return g.mem + PAGES_AT + ((size_t)at << 12);
}

static int advise(int advice)
{
	size_t len;
	char *at = some(&len);

	return madvise(at, len, advice);
}

static int give_back(void)
{
	return advise(MADV_DONTNEED);
}

static int page_out(void)
{
	return advise(MADV_PAGEOUT);
}

static int punch(void)
{
	size_t len;
	char *at = some(&len);

	return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at - g.mem, len);
}

static int protect(void)
{
	size_t len;
	char *at = some(&len);
	int ret = mprotect(at, len, PROT_READ);

	return ret | mprotect(at, len, PROT_READ | PROT_WRITE);
}

static int fork_copy(void)
{
	pid_t pid = fork();
	size_t len;
	char *at;

	if (!pid) {
		usleep(2000);
		_exit(0);
	}
	at = some(&len);
	/* Our copy is written by us as well, with what is there. */
	*(volatile char *)(at + 8) = 0;
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int collapse(void)
{
	char *at = (char *)(((uintptr_t)g.mem + PAGES_AT + (2u << 20)) & ~((2ul << 20) - 1));
	size_t n = (size_t)(rand_r(&seed) % 2) << 21;
	int ret = madvise(at + n, 2 << 20, MADV_COLLAPSE);

	/* It may find nothing to be had just now. */
	return ret && errno != EAGAIN && errno != EBUSY && errno != EINVAL && errno != ENOMEM;
}

static int split(void)
{
	collapse();
	return give_back();
}

static int say(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), n = -1;

	if (fd >= 0) {
		n = (int)write(fd, text, strlen(text));
		close(fd);
	}
	return n < 0;
}

static int compact(void)
{
	usleep(50000);
	return say("/proc/sys/vm/compact_memory", "1");
}

static int merge(void)
{
	static bool on;

	if (!on) {
		on = true;
		say("/sys/kernel/mm/ksm/sleep_millisecs", "1");
		say("/sys/kernel/mm/ksm/pages_to_scan", "2000");
		say("/sys/kernel/mm/ksm/run", "1");
		if (madvise(g.mem, g.size, MADV_MERGEABLE))
			return -1;
	}
	/* Zeroes are alike. */
	usleep(1000);
	return give_back();
}

static const struct row {
	const char *name;
	int (*act)(void);
	bool file;
} rows[] = {
	{ "pages given back", give_back, false },
	{ "pages put out", page_out, false },
	{ "pages merged", merge, false },
	{ "a fork's copies", fork_copy, false },
	{ "pages protected and opened", protect, false },
	{ "huge pages made and broken up", split, false },
	{ "memory compacted", compact, false },
	{ "holes punched in a file", punch, true },
	{ "a file's pages given back", give_back, true },
};

static void run(const struct row *r)
{
	struct vcpu v[2];
	unsigned long acts = 0, failed = 0;
	double end = seconds() + EACH_SECONDS;
	void *mem = NULL;

	if (r->file) {
		file = memfd_create("guest", MFD_CLOEXEC);
		need(file >= 0 && !ftruncate(file, SIZE), "a memory file");
		mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	}
	guest_open(&g, SIZE, mem);
	g.may_fault = r->act == protect;
	for (int i = 0; i < 2; i++) {
		uint32_t at = PAGES_AT + (uint32_t)i * HALF;

		vcpu_open(&v[i], &g, i, guest_walk, guest_walk_end, at, at + HALF, 0);
		vcpu_start(&v[i]);
	}
	while (seconds() < end && !v[0].bad && !v[1].bad) {
		failed += !!r->act();
		acts++;
		if (acts % 16 == 0)
			usleep(1000);
	}
	vcpu_stop(&v[0]);
	vcpu_stop(&v[1]);
	ok(!v[0].bad && !v[1].bad && v[0].rounds && v[1].rounds && !failed,
	   "%s: %lu times (%lu failed), %u and %u rounds, bad %u/%#x %u/%#x", r->name, acts, failed,
	   v[0].rounds, v[1].rounds, v[0].bad, v[0].bad_seen, v[1].bad, v[1].bad_seen);
	guest_close(&g);
	if (r->file)
		close(file);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(&rows[i]);
	return tap_end();
}
