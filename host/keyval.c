// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arguments of the form KEY=VALUE,KEY=VALUE: see keyval.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/keyval.h"
#include "host/nearest.h"
#include "host/report.h"

#define MAX_PAIRS 64
#define MAX_ASKED 64

struct keyval {
	const char *option, *text;
	char *copy;			/* keys and values are pieces of it */
	struct pair {
		const char *key, *val;
		bool taken;
	} pair[MAX_PAIRS];
	unsigned int nr;
	const char *asked[MAX_ASKED];	/* the keys that somebody has asked for: for the refusal */
	unsigned int nr_asked;
};

void keyval_die(const struct keyval *kv, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	die("%s %s: %s", kv->option, kv->text, text);
}

/* The end of the piece at @p, its doubled commas made one in place; *@next is what follows, or NULL. */
static void cut(char *p, char **next)
{
	char *to = p;

	for (; *p; p++) {
		if (*p == ',' && p[1] != ',')
			break;
		if (*p == ',')
			p++;
		*to++ = *p;
	}
	*next = *p ? p + 1 : NULL;
	*to = 0;
}

static void add(struct keyval *kv, const char *key, const char *val)
{
	if (kv->nr == MAX_PAIRS)
		keyval_die(kv, "has more than %d parts", MAX_PAIRS);
	kv->pair[kv->nr++] = (struct pair){ .key = key, .val = val };
}

struct keyval *keyval_parse(const char *option, const char *text, const char *first_key)
{
	struct keyval *kv = calloc(1, sizeof(*kv));
	char *p, *next, *eq;

	if (!kv || !(kv->copy = strdup(text)))
		die("out of memory");
	kv->option = option;
	kv->text = text;
	for (p = kv->copy; p; p = next) {
		bool first = p == kv->copy;

		cut(p, &next);
		eq = strchr(p, '=');
		if (eq) {
			*eq = 0;
			add(kv, p, eq + 1);
		} else if (first && first_key) {
			add(kv, first_key, p);
		} else if (!strncmp(p, "no", 2) && p[2]) {
			add(kv, p + 2, "off");
		} else {
			add(kv, p, "on");
		}
		if (!*kv->pair[kv->nr - 1].key)
			keyval_die(kv, "a part has no name before its '='");
	}
	return kv;
}

void keyval_show(struct keyval *kv, const char *text)
{
	kv->text = text;
}

void keyval_free(struct keyval *kv)
{
	free(kv->copy);
	free(kv);
}

static void asked(struct keyval *kv, const char *key)
{
	unsigned int i;

	for (i = 0; i < kv->nr_asked; i++)
		if (!strcmp(kv->asked[i], key))
			return;
	if (kv->nr_asked < MAX_ASKED)
		kv->asked[kv->nr_asked++] = key;
}

const char *keyval_take(struct keyval *kv, const char *key)
{
	const char *val = NULL;
	unsigned int i;

	asked(kv, key);
	for (i = 0; i < kv->nr; i++)
		if (!kv->pair[i].taken && !strcmp(kv->pair[i].key, key)) {
			kv->pair[i].taken = true;
			val = kv->pair[i].val;
		}
	return val;
}

const char *keyval_take_next(struct keyval *kv, const char *key)
{
	unsigned int i;

	asked(kv, key);
	for (i = 0; i < kv->nr; i++)
		if (!kv->pair[i].taken && !strcmp(kv->pair[i].key, key)) {
			kv->pair[i].taken = true;
			return kv->pair[i].val;
		}
	return NULL;
}

const char *keyval_left(const struct keyval *kv, unsigned int n, const char **val)
{
	unsigned int i;

	for (i = 0; i < kv->nr; i++)
		if (!kv->pair[i].taken && !n--) {
			*val = kv->pair[i].val;
			return kv->pair[i].key;
		}
	return NULL;
}

const char *keyval_need(struct keyval *kv, const char *key)
{
	const char *val = keyval_take(kv, key);

	if (!val || !*val)
		keyval_die(kv, "%s= is missing", key);
	return val;
}

bool keyval_take_bool(struct keyval *kv, const char *key, bool otherwise)
{
	const char *val = keyval_take(kv, key);

	if (val && !parse_bool(val, &otherwise))
		keyval_die(kv, "%s=%s: must be on or off", key, val);
	return otherwise;
}

uint64_t keyval_take_u64(struct keyval *kv, const char *key, uint64_t otherwise, uint64_t min,
			 uint64_t max)
{
	const char *val = keyval_take(kv, key);

	if (!val)
		return otherwise;
	if (!parse_u64(val, &otherwise) || otherwise < min || otherwise > max)
		keyval_die(kv, "%s=%s: must be a whole number from %" PRIu64 " to %" PRIu64, key,
			   val, min, max);
	return otherwise;
}

uint64_t keyval_take_size(struct keyval *kv, const char *key, uint64_t otherwise)
{
	const char *val = keyval_take(kv, key);

	if (val && !parse_size(val, 1, &otherwise))
		keyval_die(kv, "%s=%s: must be a size in bytes, or like 16M", key, val);
	return otherwise;
}

int keyval_take_enum(struct keyval *kv, const char *key, const char *const *names, int otherwise)
{
	const char *val = keyval_take(kv, key);
	char all[256] = "";
	int i;

	if (!val)
		return otherwise;
	for (i = 0; names[i]; i++) {
		size_t len = strlen(all);

		if (!strcmp(names[i], val))
			return i;
		snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", names[i]);
	}
	keyval_die(kv, "%s=%s: must be one of %s", key, val, all);
}

void keyval_end(struct keyval *kv)
{
	const char *val, *key = keyval_left(kv, 0, &val);

	if (key && !kv->nr_asked)
		keyval_die(kv, "takes no '%s'", key);
	if (key)
		keyval_die(kv, "there is no '%s' here; did you mean '%s'?", key,
			   nearest(key, strlen(key), kv->asked, kv->nr_asked));
	keyval_free(kv);
}

/* --- values --- */

bool parse_bool(const char *s, bool *val)
{
	static const char *const words[] = { "off", "on", "no", "yes", "false", "true" };
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(s, words[i])) {
			*val = i & 1;
			return true;
		}
	return false;
}

bool parse_u64(const char *s, uint64_t *val)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	char *end;

	if (!isxdigit((unsigned char)s[hex ? 2 : 0]))
		return false;
	errno = 0;
	*val = strtoull(s, &end, hex ? 16 : 10);
	return !errno && end != s && !*end;
}

bool parse_size(const char *s, uint64_t unit, uint64_t *val)
{
	static const char suffixes[] = "BKMGTPE";
	const char *suffix;
	long double n;
	char *end;

	if (!isdigit((unsigned char)*s) || s[1] == 'x' || s[1] == 'X')
		return false;
	errno = 0;
	n = strtold(s, &end);
	if (errno)
		return false;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || (end[1] && strcmp(end + 1, "iB") && strcmp(end + 1, "B")))
			return false;
		unit = 1ull << (10 * (suffix - suffixes));
	}
	n *= (long double)unit;
	/* More than anything can have: the caller's own bound will say so. */
	*val = n >= 0x1p63L ? INT64_MAX : (uint64_t)n;
	return true;
}
