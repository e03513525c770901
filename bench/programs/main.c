/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real programs, out of a tree of the distribution's packages, timed:
 *
 *	real data|source		an input, to standard output
 *	real ROOT INPUTS [NAME]...	run in ROOT, with INPUTS at /mnt; prints
 *					"anykvm-program NAME SECONDS DIGEST"
 *
 * The same static binary does it natively and in every guest: new mount namespace, tmpfs for what is
 * written, chroot. A program that takes less than a while is run three times, and the median counts.
 * The digest is of what it wrote: it must be the same everywhere. Where a program measures itself
 * (openssl speed), the figure is seconds for a GiB by what it says, and the digest 0.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "programs.h"

#define OUT "/tmp/out"
#define MEDIAN_OF 3
#define A_WHILE 8.0

struct program {
	const char *name;
	const char *command;
	int says_rate; /* its output has "+F:...:BYTES_PER_SECOND" */
};

#define SPEED "openssl speed -mr -elapsed -seconds 1 -bytes 16384 -evp "
#define KEY "-K 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "

static const struct program table[] = {
	{ "python3", "python3 /mnt/program.py >" OUT },
	{ "sqlite3", "rm -f /tmp/db; sqlite3 /tmp/db </mnt/queries.sql >" OUT },
	{ "gcc-O2", "gcc -O2 -c -o " OUT " /mnt/source.c" },
	{ "zstd", "zstd -q -f -o " OUT " /mnt/data" },
	{ "openssl-sha256", SPEED "sha256 >" OUT " 2>&1", 1 },
	{ "openssl-aes-256-gcm", SPEED "aes-256-gcm >" OUT " 2>&1", 1 },
	{ "openssl-files", "openssl dgst -sha256 -sha512 </mnt/data >" OUT " && openssl enc "
	  "-aes-256-ctr -iv 00112233445566778899aabbccddeeff " KEY "</mnt/data | openssl dgst >>" OUT },
	{ "xz-6", "xz -6 -T1 -c /mnt/data >" OUT },
};

#define NR (sizeof(table) / sizeof(table[0]))

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* --- where they run --- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

/* Anyone may mount what he likes where only he sees it, as root of a user namespace of his own. */
static void be_alone(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	char map[64];

	if (!unshare(CLONE_NEWNS))
		return;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		fail("unshare");
	put("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	put("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	put("/proc/self/gid_map", map);
}

static void bind_at(const char *what, const char *root, const char *where)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", root, where);
	if (mount(what, path, NULL, MS_BIND | MS_REC, NULL))
		fail(path);
}

static void enter(const char *root, const char *inputs)
{
	be_alone();
	/* An initial RAM file system is the one mount whose kind cannot be changed. */
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	bind_at("/proc", root, "/proc");
	bind_at("/dev", root, "/dev");
	bind_at(inputs, root, "/mnt");
	if (chroot(root) || chdir("/"))
		fail(root);
	if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777"))
		fail("/tmp");
	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	setenv("PYTHONHASHSEED", "0", 1);
	setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
}

/* --- a run --- */

static double once(const struct program *p)
{
	double start = now();
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", p->command, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail("fork");
	if (status) {
		printf("anykvm-failed %s status %#x\n", p->name, status);
		return -1;
	}
	return now() - start;
}

static uint64_t digest(void)
{
	static unsigned char block[1 << 16];
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */
	int fd = open(OUT, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		fail(OUT);
	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ block[i]) * 0x100000001b3ull;
	close(fd);
	return h;
}

static double seconds_a_gib(const char *name)
{
	char line[512], *rate = NULL;
	FILE *f = fopen(OUT, "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "+F:", 3))
			rate = strrchr(line, ':') + 1;
	if (f)
		fclose(f);
	if (!rate || atof(rate) <= 0) {
		printf("anykvm-failed %s says no rate\n", name);
		return -1;
	}
	return (1u << 30) / atof(rate);
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int run(const struct program *p)
{
	uint64_t before = 0, after;
	double t[MEDIAN_OF];
	int n = 0;

	do {
		t[n] = once(p);
		if (p->says_rate && t[n] >= 0)
			t[n] = seconds_a_gib(p->name);
		if (t[n] < 0)
			return 1;
		after = p->says_rate ? 0 : digest();
		if (n && after != before) {
			printf("anykvm-failed %s wrote something else in run %d\n", p->name, n + 1);
			return 1;
		}
		before = after;
		n++;
	} while (n < MEDIAN_OF && t[0] < A_WHILE);
	qsort(t, n, sizeof(t[0]), ascending);
	printf("anykvm-program %s %.4f %016llx\n", p->name, t[n / 2], (unsigned long long)after);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 2 && !strcmp(argv[1], "data")) {
		make_data(stdout);
		return fflush(stdout) != 0;
	}
	if (argc == 2 && !strcmp(argv[1], "source")) {
		make_source(stdout);
		return fflush(stdout) != 0;
	}
	if (argc < 3)
		return 2;
	enter(argv[1], argv[2]);
	for (unsigned int k = 0; k < NR; k++) {
		int wanted = argc == 3;

		for (int i = 3; i < argc; i++)
			wanted |= !strcmp(argv[i], table[k].name);
		if (wanted)
			failed |= run(&table[k]);
		fflush(stdout);
	}
	return failed;
}
