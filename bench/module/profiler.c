// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A plugin for QEMU's translator: counts every instruction that the emulated machine runs between
 * two marks (bench.h), by its address, and keeps the path of the first rounds, instruction by
 * instruction. The script `profile` puts names to it.
 *
 * Until the program that measures has started, only its mark is looked for, so that the boot is as
 * fast as without. The mark that it has started makes QEMU forget what it translated; then each
 * instruction is given a call.
 *
 * The output: a line "I ADDRESS COUNT DISASSEMBLY" for each instruction that ran, then the rounds,
 * each a line "R" and the lines "ADDRESS TIMES" of consecutive runs of one instruction.
 *
 * The plugin interface is declared here as far as it is used (version 1, QEMU 4.2 and later): the
 * distribution's packages have no header for it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void tb_trans_fn(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void exec_fn(unsigned int cpu, void *data);

void qemu_plugin_reset(qemu_plugin_id_t id, void (*done)(qemu_plugin_id_t id));
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_fn *fn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_fn *fn, int flags,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);

#define EXPORT	     __attribute__((visibility("default")))
#define BUCKETS	     (1u << 16)
#define ROUNDS	     64
#define STEPS	     (4u << 20)
#define CB_NO_REGS   0
#define MARK_SIZE    7
#define MARK_NUMBER  3 /* the byte that says which */

struct insn {
	uint64_t address, count;
	char *text;
	struct insn *next;
};

struct step {
	const struct insn *insn; /* NULL: a round begins */
	uint64_t times;
};

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

static qemu_plugin_id_t self;
static const char *path;
static struct insn *bucket[BUCKETS];
static struct step *step;
static unsigned int steps, rounds;
static int attached, counting;

/* Which mark this is, or -1. */
static int is_mark(const struct qemu_plugin_insn *insn)
{
	static const unsigned char bytes[MARK_SIZE] = MARK_BYTES;
	const unsigned char *p = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != MARK_SIZE || memcmp(p, bytes, MARK_NUMBER) ||
	    memcmp(p + MARK_NUMBER + 1, bytes + MARK_NUMBER + 1, MARK_SIZE - MARK_NUMBER - 1))
		return -1;
	return p[MARK_NUMBER];
}

/* Code at one address may change: of what did not run while we counted, the latest text holds. */
static struct insn *lookup(const struct qemu_plugin_insn *insn)
{
	uint64_t a = qemu_plugin_insn_vaddr(insn);
	struct insn **at = &bucket[(a ^ a >> 16) % BUCKETS];

	while (*at && (*at)->address != a)
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			abort();
		(*at)->address = a;
	}
	if (!(*at)->count) {
		free((*at)->text);
		(*at)->text = qemu_plugin_insn_disas(insn);
	}
	return *at;
}

static void begin_round(void)
{
	if (rounds < ROUNDS && steps < STEPS) {
		rounds++;
		step[steps++] = (struct step){ NULL, rounds };
	} else {
		rounds = ROUNDS + 1;
	}
}

static void executed(unsigned int cpu, void *data)
{
	struct insn *i = data;

	if (!counting)
		return;
	i->count++;
	if (rounds > ROUNDS || steps == STEPS)
		return;
	if (steps && step[steps - 1].insn == i)
		step[steps - 1].times++;
	else
		step[steps++] = (struct step){ i, 1 };
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

static void attach(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}

static void marked(unsigned int cpu, void *data)
{
	switch ((uintptr_t)data) {
	case MARK_ATTACH:
		if (!attached) {
			attached = 1;
			qemu_plugin_reset(self, attach);
		}
		break;
	case MARK_START:
		counting = 1;
		begin_round();
		break;
	case MARK_ROUND:
		if (counting)
			begin_round();
		break;
	case MARK_STOP:
		counting = 0;
		break;
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	for (size_t n = 0; n < qemu_plugin_tb_n_insns(tb); n++) {
		struct qemu_plugin_insn *i = qemu_plugin_tb_get_insn(tb, n);
		int mark = is_mark(i);

		if (mark >= 0)
			qemu_plugin_register_vcpu_insn_exec_cb(i, marked, CB_NO_REGS,
							       (void *)(uintptr_t)mark);
		else if (attached)
			qemu_plugin_register_vcpu_insn_exec_cb(i, executed, CB_NO_REGS, lookup(i));
	}
}

/* A destructor and not QEMU's callback at exit: a reset forgets callbacks. */
__attribute__((destructor)) static void write_out(void)
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f)
		return;
	for (size_t b = 0; b < BUCKETS; b++)
		for (const struct insn *i = bucket[b]; i; i = i->next)
			if (i->count)
				fprintf(f, "I %" PRIx64 " %" PRIu64 " %s\n", i->address, i->count,
					i->text ? i->text : "");
	for (unsigned int s = 0; s < steps; s++) {
		if (step[s].insn)
			fprintf(f, "%" PRIx64 " %" PRIu64 "\n", step[s].insn->address, step[s].times);
		else
			fputs("R\n", f);
	}
	fclose(f);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	self = id;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			path = strdup(argv[i] + 4);
	step = malloc(STEPS * sizeof(*step));
	if (!path || !step)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
