// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Raw mode and back. tcsetattr() is async-signal-safe, so even a crash leaves a usable terminal.
 */
#include <signal.h>
#include <stdbool.h>
#include <termios.h>
#include <unistd.h>

#include "host/report.h"
#include "host/term.h"

static struct termios saved;
static int term_fd = -1;

void term_again(void)
{
	struct termios t;

	if (term_fd < 0)
		return;
	t = saved;
	t.c_iflag &= ~(unsigned int)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t.c_lflag &= ~(unsigned int)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	t.c_cflag &= ~(unsigned int)(CSIZE | PARENB);
	t.c_cflag |= CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	/* Output processing stays on: our own messages end lines with a bare newline. */
	tcsetattr(term_fd, TCSANOW, &t);
}

void term_raw(int fd)
{
	if (!isatty(fd) || tcgetattr(fd, &saved))
		return;
	term_fd = fd;
	at_end(term_restore);
	at_crash(term_restore);
	term_again();
}

void term_restore(void)
{
	if (term_fd >= 0)
		tcsetattr(term_fd, TCSANOW, &saved);
}

static void crashed(int sig)
{
	run_crash_hook();
	signal(sig, SIG_DFL);
	raise(sig);
}

void term_guard(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction sa = { .sa_handler = crashed, .sa_flags = (int)SA_RESETHAND | SA_NODEFER };
	unsigned int i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}
