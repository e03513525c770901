// SPDX-License-Identifier: LGPL-2.1-or-later
/* -object secret,id=ID,file=PATH: read once, at the start. A line's end at the file's end is none of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/object.h"
#include "host/report.h"
#include "host/secret.h"

#define MAX_SECRET 4096

static struct secret {
	struct secret *next;
	char *id, *text;
} *secrets;

static char *read_file(struct keyval *kv, const char *path)
{
	FILE *f = fopen(path, "re");
	char buf[MAX_SECRET + 1];
	size_t n;

	if (!f)
		keyval_die(kv, "file=%s: %s", path, strerror(errno));
	n = fread(buf, 1, sizeof(buf), f);
	if (ferror(f))
		keyval_die(kv, "file=%s: %s", path, strerror(errno));
	fclose(f);
	if (n > MAX_SECRET)
		keyval_die(kv, "file=%s: more than %d bytes", path, MAX_SECRET);
	if (memchr(buf, 0, n))
		keyval_die(kv, "file=%s: has a zero byte in it", path);
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	return strndup(buf, n);
}

static void parse(const char *id, struct keyval *kv)
{
	static const char *const formats[] = { "raw", NULL };
	const char *data = keyval_take(kv, "data"), *file = keyval_take(kv, "file");
	struct secret *s = calloc(1, sizeof(*s));

	keyval_take_enum(kv, "format", formats, 0);
	if (!data == !file)
		keyval_die(kv, "give either file=PATH or data=TEXT (which other users of this machine can see)");
	if (!s || !(s->id = strdup(id)) || !(s->text = file ? read_file(kv, file) : strdup(data)))
		die("out of memory");
	s->next = secrets;
	secrets = s;
}

const char *secret_text(const char *id)
{
	const struct secret *s;

	for (s = secrets; s; s = s->next)
		if (!strcmp(s->id, id))
			return s->text;
	return NULL;
}

static const struct object_type secret_type = {
	.name = "secret",
	.help = "a password: file=PATH or data=TEXT",
	.parse = parse,
};
OBJECT_REGISTER(secret_type);
