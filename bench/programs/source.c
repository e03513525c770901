/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 5,000 lines of C to compile: structures, tables, loops over arrays, switches, calls of what stands
 * above, integer and floating point, no two functions alike.
 */
#include "programs.h"

#define LINES 5000

static uint64_t seed = 0x2545f4914f6cdd1dull;
static int lines;

#define LINE(...) (fprintf(out, __VA_ARGS__), fputc('\n', out), lines++)

static const char *const operators[] = { "+", "-", "*", "^", "&", "|" };
static const char *const fields[] = { "key", "count", "flags", "next" };

static const char *op(void)
{
	return operators[below(&seed, 6)];
}

static const char *field(void)
{
	return fields[below(&seed, 4)];
}

static void switch_of(FILE *out)
{
	LINE("\t\tswitch (x & 7) {");
	for (int i = 0; i < 6; i++) {
		LINE("\t\tcase %d:", i);
		LINE("\t\t\tx = (x %s %u) + p[i].%s;", op(), below(&seed, 1000), field());
		LINE("\t\t\tbreak;");
	}
	LINE("\t\tdefault:");
	LINE("\t\t\tp[i].%s = x;", field());
	LINE("\t\t}");
}

static void loop_of(FILE *out)
{
	LINE("\t\tfor (j = 0; j < %u; j++) {", 4 + below(&seed, 60));
	LINE("\t\t\tx = (x << %u | x >> %u) %s table[(j + x) & 63];", 1 + below(&seed, 15),
	     1 + below(&seed, 15), op());
	LINE("\t\t\ty = y * %u.%u + (double)(x & 255);", below(&seed, 3), below(&seed, 100));
	LINE("\t\t}");
}

static void condition_of(FILE *out)
{
	LINE("\t\tif (p[i].%s %% %u == %u)", field(), 2 + below(&seed, 9), below(&seed, 2));
	LINE("\t\t\tp[i].%s %s= x;", field(), op());
	LINE("\t\telse if (p[i].value > y)");
	LINE("\t\t\tp[i].value -= y / %u;", 1 + below(&seed, 9));
}

static void call_of(FILE *out, int k)
{
	if (k < 2)
		return;
	LINE("\t\tif (x > %u)", below(&seed, 1u << 30));
	LINE("\t\t\tx %s= function%u(p + i, n - i - 1, (unsigned int)y);", op(), below(&seed, k));
}

void make_source(FILE *f)
{
	FILE *out = f;

	LINE("struct item { unsigned int key, count, flags, next; double value; };");
	LINE("static unsigned int table[64];");
	for (int k = 0; lines < LINES; k++) {
		LINE("%sunsigned int function%d(struct item *p, int n, unsigned int x)",
		     below(&seed, 3) ? "" : "static ", k);
		LINE("{");
		LINE("\tdouble y = %u.5;", below(&seed, 100));
		LINE("\tint i, j;");
		LINE("\tfor (i = 0, j = 0; i < n; i++) {");
		for (int parts = 2 + below(&seed, 4); parts; parts--) {
			unsigned int kind = below(&seed, 4);

			if (kind == 0)
				switch_of(out);
			else if (kind == 1)
				loop_of(out);
			else if (kind == 2)
				condition_of(out);
			else
				call_of(out, k);
		}
		LINE("\t}");
		LINE("\ttable[x & 63] += j;");
		LINE("\treturn x + (unsigned int)y;");
		LINE("}");
	}
}
