/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * anykvm-exec COMMAND ...: run a program with the library in place of
 * /dev/kvm. The dynamic loader does the work (LD_PRELOAD); this looks first
 * whether it will, because where it can not it says nothing.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "topics.h"

#ifndef ANYKVM_VERSION
#define ANYKVM_VERSION "0"
#endif

#define EXIT_REFUSED 126
#define EXIT_NOT_FOUND 127

static const char usage[] =
	"usage: anykvm-exec [-d TOPIC[,TOPIC...]] COMMAND [ARGUMENT...]\n"
	"Run COMMAND, a dynamically linked x86-64 program, with anykvm in place of /dev/kvm.\n"
	"  -d TOPICS         trace these topics to standard error (or to $ANYKVM_TRACE_FILE);\n"
	"                    -d help lists them\n"
	"  -h                this text\n"
	"  -version          the version\n"
	"  --coverage-table  the ioctls and capabilities that are answered\n"
	"The exit status is COMMAND's; 126 when it can not be run this way, 127 when it is not found.\n";

static int fail(int status, const char *what, const char *why)
{
	fprintf(stderr, "anykvm-exec: %s: %s\n", what, why);
	return status;
}

/* ---- what the loader would refuse ---- */

static const char *check_elf(int fd, const unsigned char *head)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)head;
	char interp[256] = "";
	Elf64_Phdr ph;
	int i;

	if (head[EI_CLASS] != ELFCLASS64)
		return "is a 32-bit program; the library is for 64-bit ones";
	if (eh->e_machine != EM_X86_64)
		return "is a program for another processor";
	for (i = 0; i < eh->e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph),
			  (off_t)(eh->e_phoff + (size_t)i * eh->e_phentsize)) != sizeof(ph))
			return "is damaged (its program headers can not be read)";
		if (ph.p_type != PT_INTERP)
			continue;
		if (ph.p_filesz >= sizeof(interp) ||
		    pread(fd, interp, ph.p_filesz, (off_t)ph.p_offset) != (ssize_t)ph.p_filesz)
			return "is damaged (its interpreter can not be read)";
	}
	if (!*interp)
		return "is statically linked, so no library can be put before /dev/kvm; use a dynamic build";
	if (strstr(interp, "ld-musl"))
		return "is linked with musl; the library needs a program that uses glibc";
	return NULL;
}

/* The loader ignores LD_PRELOAD when a program gains rights by starting. */
static const char *check_rights(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file";
	if (st.st_mode & S_ISUID && st.st_uid != geteuid())
		return "is setuid: the loader lets no library into it; run a copy without that bit";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getegid())
		return "is setgid: the loader lets no library into it; run a copy without that bit";
	if (geteuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return "has file capabilities: the loader lets no library into it; run a copy without them";
	return NULL;
}

static const char *check(const char *path, int depth)
{
	unsigned char head[sizeof(Elf64_Ehdr)];
	char line[PATH_MAX], *p;
	const char *why;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* What may be run but not read is left to execve. */
	if (fd < 0)
		return errno == EACCES && !access(path, X_OK) ? NULL : strerror(errno);
	why = check_rights(fd);
	n = why ? 0 : pread(fd, head, sizeof(head), 0);
	if (!why && n >= 4 && !memcmp(head, ELFMAG, SELFMAG)) {
		why = n == sizeof(head) || head[EI_CLASS] != ELFCLASS64 ? check_elf(fd, head) :
									  "is damaged";
	} else if (!why && n >= 2 && head[0] == '#' && head[1] == '!') {
		n = pread(fd, line, sizeof(line) - 1, 2);
		line[n > 0 ? n : 0] = 0;
		line[strcspn(line, "\n")] = 0;
		p = line + strspn(line, " \t");
		p[strcspn(p, " \t")] = 0;
		why = depth < 5 ? check(p, depth + 1) : "has interpreters without end";
	} else if (!why && access(path, X_OK)) {
		why = "is not executable";
	}
	close(fd);
	return why;
}

/* ---- finding things ---- */

/* @name as execvp would find it, in @path. */
static int find_command(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH"), *end;
	struct stat st;

	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		return stat(path, &st) ? -1 : 0;
	}
	if (!dirs)
		dirs = "/usr/local/bin:/bin:/usr/bin";
	for (;; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		snprintf(path, size, "%.*s%s%s", (int)(end - dirs), dirs, end > dirs ? "/" : "",
			 name);
		if (!stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK))
			return 0;
		if (!*end)
			return -1;
	}
}

/* The library: beside this program (a build directory), or where it was installed with it. */
static int find_library(char *path, size_t size)
{
	static const char *const places[] = {
		"libanykvm.so",
		"../lib/libanykvm.so",
		"../lib/x86_64-linux-gnu/libanykvm.so",
		"../lib64/libanykvm.so",
		"../lib/anykvm/libanykvm.so",
	};
	char self[PATH_MAX], try[PATH_MAX * 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *dir, *full;
	size_t i;

	if (n < 0)
		return -1;
	self[n] = 0;
	dir = dirname(self);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(try, sizeof(try), "%s/%s", dir, places[i]);
		full = realpath(try, NULL);
		if (full) {
			snprintf(path, size, "%s", full);
			free(full);
			return 0;
		}
	}
	return -1;
}

static int coverage(const char *lib)
{
	void (*print)(FILE * out);
	void *h = dlopen(lib, RTLD_NOW);

	print = h ? (void (*)(FILE *))dlsym(h, "anykvm_coverage") : NULL;
	if (!print)
		return fail(1, lib, dlerror());
	print(stdout);
	return 0;
}

/* ---- topics ---- */

static const struct {
	const char *name, *help;
} topics[] = {
#define TOPIC(name, help) { name, help },
	HOME_TOPICS(TOPIC)
#undef TOPIC
	{ "all", "all of these" },
};
#define NTOPICS (sizeof(topics) / sizeof(topics[0]))

static int list_topics(void)
{
	for (size_t i = 0; i < NTOPICS; i++)
		printf("  %-12s %s\n", topics[i].name, topics[i].help);
	return 0;
}

/* What in @list is no topic, or NULL. */
static const char *check_topics(const char *list)
{
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ","), i;

		for (i = 0; i < NTOPICS; i++)
			if (strlen(topics[i].name) == n && !strncmp(p, topics[i].name, n))
				break;
		if (i == NTOPICS)
			return p;
		p += n;
		if (!*p)
			return NULL;
	}
}

static int set_preload(const char *lib)
{
	const char *old = getenv("LD_PRELOAD");
	char *val;

	if (!old || !*old)
		return setenv("LD_PRELOAD", lib, 1);
	if (asprintf(&val, "%s:%s", lib, old) < 0)
		return -1;
	return setenv("LD_PRELOAD", val, 1);
}

int main(int argc, char **argv)
{
	char lib[PATH_MAX], path[PATH_MAX];
	const char *why;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "-help") ||
		    !strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		} else if (!strcmp(argv[i], "-version") || !strcmp(argv[i], "--version")) {
			puts("anykvm-exec " ANYKVM_VERSION);
			return 0;
		} else if (!strcmp(argv[i], "-d") && i + 1 < argc) {
			i++;
			if (!strcmp(argv[i], "help"))
				return list_topics();
			why = check_topics(argv[i]);
			if (why)
				return fail(1, why, "nothing is traced by that name; -d help lists all");
			setenv("ANYKVM_TRACE", argv[i], 1);
		} else if (!strcmp(argv[i], "--coverage-table")) {
			if (find_library(lib, sizeof(lib)))
				return fail(1, "libanykvm.so",
					    "is not beside this program or in its lib directory");
			return coverage(lib);
		} else if (!strcmp(argv[i], "--")) {
			i++;
			break;
		} else {
			return fail(1, argv[i], "no such option; -h lists them");
		}
	}
	if (i >= argc)
		return fail(1, "which command?", "anykvm-exec COMMAND [ARGUMENT...]; -h for help");
	if (find_library(lib, sizeof(lib)))
		return fail(EXIT_REFUSED, "libanykvm.so",
			    "is not beside this program or in its lib directory");
	if (strpbrk(lib, " :"))
		return fail(EXIT_REFUSED, lib,
			    "the loader takes no path with a space or a colon; move it");
	if (find_command(argv[i], path, sizeof(path)))
		return fail(EXIT_NOT_FOUND, argv[i], "command not found");
	why = check(path, 0);
	if (why)
		return fail(EXIT_REFUSED, path, why);
	if (set_preload(lib))
		return fail(EXIT_REFUSED, "environment", strerror(errno));
	execv(path, argv + i);
	if (errno == ENOEXEC) { /* a script without #!: the shell's, as execvp does it */
		argv[i - 1] = "sh";
		argv[i] = path;
		execv("/bin/sh", argv + i - 1);
	}
	return fail(EXIT_REFUSED, path, strerror(errno));
}
