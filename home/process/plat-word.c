/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words: the log on standard error, traces by topic (ANYKVM_TRACE=topic,topic
 * or "all"; ANYKVM_TRACE_FILE names a file for them), and the end on a bug.
 * One line is one write(2), so lines of several threads do not mix.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "home.h"

static void line(int fd, const char *prefix, const char *fmt, va_list args)
{
	char buf[2048];
	int n = snprintf(buf, sizeof(buf), "%s", prefix);

	n += vsnprintf(buf + n, sizeof(buf) - n - 1, fmt, args);
	if (n > (int)sizeof(buf) - 2)
		n = sizeof(buf) - 2;
	if (!n || buf[n - 1] != '\n')
		buf[n++] = '\n';
	sys3(SYS_write, fd, buf, n);
}

void plat_log(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(2, "anykvm: ", fmt, args);
	va_end(args);
}

bool plat_trace_on(const char *topic)
{
	static const char *list;
	const char *p;
	size_t n = strlen(topic);

	if (!list) {
		p = getenv("ANYKVM_TRACE");
		list = p ? p : "";
	}
	for (p = list; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if ((!strncmp(p, topic, n) && (!p[n] || p[n] == ',')) ||
		    (!strncmp(p, "all", 3) && (!p[3] || p[3] == ',')))
			return true;
	}
	return false;
}

bool plat_engine_option(const char *name, const char *value)
{
	const char *p = getenv("ANYKVM_BT");
	size_t n = strlen(name), m = strlen(value);

	for (p = p ? p : ""; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if (!strncmp(p, name, n) && p[n] == '=' && !strncmp(p + n + 1, value, m) &&
		    (!p[n + 1 + m] || p[n + 1 + m] == ','))
			return true;
	}
	return false;
}

static int trace_fd(void)
{
	static int fd = -1;
	const char *name;
	int opened;

	if (fd >= 0)
		return fd;
	name = getenv("ANYKVM_TRACE_FILE");
	opened = name ? home_fd_high(sys4(SYS_openat, AT_FDCWD, name,
					  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) :
			-1;
	fd = opened >= 0 ? opened : 2;
	return fd;
}

void plat_trace(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(trace_fd(), "", fmt, args);
	va_end(args);
}

int plat_snprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = vsnprintf(buf, n, fmt, args);
	va_end(args);
	return ret;
}

void plat_bug(const char *file, int at, const char *what)
{
	plat_log("bug at %s:%d: %s", file, at, what);
	abort();
}
