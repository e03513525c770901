// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads of the host's own: see thread.h. */
#include <pthread.h>
#include <signal.h>

#include "host/thread.h"

bool thread_start(const char *name, size_t stack, void *(*fn)(void *arg))
{
	/* Blocked, the kernel would end the process without the terminal's being given back. */
	static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	unsigned int i;
	bool ok;

	sigfillset(&all);
	for (i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(&all, own[i]);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = !pthread_create(&thread, &attr, fn, NULL);
	if (ok && name)
		pthread_setname_np(thread, name);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return ok;
}
