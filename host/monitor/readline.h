/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line that a person types: editing, history, completion. */
#ifndef ANYKVM_HOST_MONITOR_READLINE_H
#define ANYKVM_HOST_MONITOR_READLINE_H

#include <stdint.h>

#define READLINE_MAX 1024
#define READLINE_HISTORY 64

struct readline {
	const char *prompt;
	char line[READLINE_MAX + 1];
	unsigned int len, at;
	unsigned int escape;		/* how far into ESC [ ... */
	unsigned int escape_number;
	char *history[READLINE_HISTORY];
	unsigned int nr_history, looking;	/* looking == nr_history: at the new line */
	/* Given by the owner. */
	void (*print)(void *arg, const char *text, unsigned int len);
	void (*done)(void *arg, const char *line);
	/* Words that may stand in @line from *@from to its end; how many. */
	unsigned int (*complete)(const char *line, unsigned int *from, const char **out,
				 unsigned int room);
	void *arg;
};

void readline_prompt(struct readline *r);
void readline_input(struct readline *r, uint8_t byte);
void readline_free(struct readline *r);

#endif
