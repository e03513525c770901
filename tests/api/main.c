/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The runner of the conformance suite: every row in a child of its own with a time limit, TAP out.
 *
 *	api [-l] [-v] [-n] [-t SECONDS] [-s NAME | PREFIX/] [-x FILE]... [NAME | NAME/]...
 */
#include <stdarg.h>

#include "api.h"

static const struct api_suite *const suites[] = {
	&sys_suite, &fd_suite,	  &mem_suite,  &vm_suite,    &state_suite, &event_suite,
	&run_suite, &io_suite,	  &mode_suite, &fault_suite, &irq_suite,   &eventfd_suite,
	&msr_suite, &dirty_suite, &debug_suite, &pv_suite,   &smp_suite,   &cap_suite,
	&quirk_suite, &deliver_suite,
};

#define ARRAY(a) ((int)(sizeof(a) / sizeof((a)[0])))

static bool verbose, nofork;
static int limit = 20;
static const char *without[32];
static int nwithout;

struct difference {
	char *name, *why;
	bool used;
};

static struct difference differences[512];
static int ndifferences;

static const char usage[] =
	"usage: api [-l] [-v] [-n] [-t SECONDS] [-s NAME | PREFIX/] [-x FILE]... [NAME | PREFIX/]...\n"
	"  -l  list the rows        -v  say what each promises\n"
	"  -n  no fork: run the named row in this process (for a debugger)\n"
	"  -t  seconds of a processor that a row may take (20), and four times that to wait\n"
	"  -s  leave out this row (one that the machine below does not survive)\n"
	"  -x  expected differences: lines of NAME<space>REASON; such a row may fail\n";

void row_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	printf("# %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void row_skip(const char *fmt, ...)
{
	va_list ap;

	printf("#SKIP ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(77);
}

static void read_differences(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f) {
		fprintf(stderr, "api: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (fgets(line, sizeof(line), f) && ndifferences < ARRAY(differences)) {
		char *name = strtok(line, " \t\n");
		char *why = strtok(NULL, "\n");

		if (!name || *name == '#')
			continue;
		while (why && (*why == ' ' || *why == '\t'))
			why++;
		differences[ndifferences++] = (struct difference){
			strdup(name), strdup(why ? why : "no reason given"), false
		};
	}
	fclose(f);
}

/* A row's name, or a PREFIX/ of it. */
static bool named(const char *what, const char *name)
{
	size_t n = strlen(what);

	return !strcmp(what, name) || (n && what[n - 1] == '/' && !strncmp(what, name, n));
}

static struct difference *difference(const char *name)
{
	for (int i = 0; i < ndifferences; i++)
		if (named(differences[i].name, name))
			return &differences[i];
	return NULL;
}

static bool selected(const char *name, int argc, char **argv)
{
	for (int i = 0; i < nwithout; i++)
		if (named(without[i], name))
			return false;
	for (int i = 0; i < argc; i++)
		if (named(argv[i], name))
			return true;
	return argc == 0;
}

/* On a machine with much else to do a row gets little done in a second that passes. */
static bool out_of_time(pid_t pid, time_t start)
{
	struct timespec now, used = { 0 };
	clockid_t clock;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!clock_getcpuclockid(pid, &clock))
		clock_gettime(clock, &used);
	return used.tv_sec >= limit || now.tv_sec - start >= 4 * limit;
}

/* The child's output up to its end or the limit; the wait status, or -1 when out of time. */
static int run_child(const struct api_test *t, char *out, size_t size)
{
	int fds[2], status;
	struct timespec start;
	bool late = false;
	size_t n = 0;
	pid_t pid;

	if (pipe(fds))
		exit(2);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		exit(2);
	if (!pid) {
		setpgid(0, 0);
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		t->run();
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid);
	close(fds[1]);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!(late = out_of_time(pid, start.tv_sec))) {
		struct pollfd p = { fds[0], POLLIN, 0 };
		ssize_t got;

		if (poll(&p, 1, 500) <= 0)
			continue;
		got = read(fds[0], out + n, size - 1 - n);
		if (got <= 0)
			break;
		n += got;
	}
	out[n] = 0;
	close(fds[0]);
	if (late) {
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	waitpid(pid, &status, 0);
	kill(-pid, SIGKILL);
	return status;
}

static void print_comments(char *out)
{
	for (char *s = strtok(out, "\n"); s; s = strtok(NULL, "\n"))
		printf("%s%s\n", *s == '#' ? "" : "# ", s);
}

/* One row, one TAP line. True if it counts as a failure. */
static bool report(const struct api_test *t, int number)
{
	static char out[65536];
	struct difference *d = difference(t->name);
	int status = run_child(t, out, sizeof(out));
	bool good = status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		char *why = strstr(out, "#SKIP ");

		printf("ok %d - %s # SKIP %s", number, t->name, why ? why + 6 : "\n");
		return false;
	}
	if (!good)
		print_comments(out);
	if (status < 0)
		printf("# stopped after %d s of a processor, or %d s\n", limit, 4 * limit);
	else if (WIFSIGNALED(status))
		printf("# killed by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	if (good && d && d->name[strlen(d->name) - 1] != '/')
		printf("# %s holds although a difference is expected\n", t->name);
	printf("%s %d - %s", good ? "ok" : "not ok", number, t->name);
	if (verbose)
		printf(": %s", t->what);
	if (!good && d)
		printf(" # TODO %s", d->why);
	printf("\n");
	fflush(stdout);
	return !good && !d;
}

int main(int argc, char **argv)
{
	int opt, number = 0, failed = 0, fd;
	bool list = false;

	while ((opt = getopt(argc, argv, "lvnt:x:s:h")) != -1) {
		switch (opt) {
		case 'l': list = true; break;
		case 'v': verbose = true; break;
		case 'n': nofork = true; break;
		case 't': limit = atoi(optarg); break;
		case 's':
			if (nwithout < ARRAY(without))
				without[nwithout++] = optarg;
			break;
		case 'x': read_differences(optarg); break;
		default: fputs(usage, stderr); return 2;
		}
	}
	argc -= optind;
	argv += optind;
	if (!list) {
		fd = open("/dev/kvm", O_RDWR);
		if (fd < 0) {
			printf("1..0 # SKIP /dev/kvm: %s\n", strerror(errno));
			return 77;
		}
		close(fd);
	}
	for (int s = 0; s < ARRAY(suites); s++) {
		for (int i = 0; i < suites[s]->count; i++) {
			const struct api_test *t = &suites[s]->rows[i];

			if (!selected(t->name, argc, argv))
				continue;
			if (list) {
				printf("%-32s %s\n", t->name, t->what);
				continue;
			}
			number++;
			if (nofork)
				t->run();
			else
				failed += report(t, number);
		}
	}
	if (!list)
		printf("1..%d\n", number);
	return failed != 0;
}
