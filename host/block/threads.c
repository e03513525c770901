// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The engine on threads: a queue, and as many threads as there was ever work for at once, up to a
 * few. They live as long as the process.
 */
#include <pthread.h>

#include "host/block/aio.h"
#include "host/report.h"
#include "host/thread.h"

#define MAX_THREADS 16u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct io *queue, **queue_last = &queue;
static unsigned int nr_threads, nr_idle, nr_queued;

static void *worker(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		struct io *io;

		nr_idle++;
		while (!queue)
			pthread_cond_wait(&work, &lock);
		nr_idle--;
		io = queue;
		queue = io->next;
		if (!queue)
			queue_last = &queue;
		nr_queued--;
		pthread_mutex_unlock(&lock);
		aio_end(io, aio_run(io));
		pthread_mutex_lock(&lock);
	}
	return NULL;
}

static void one_more(void)
{
	if (thread_start(NULL, 256 << 10, worker))
		nr_threads++;
	else if (!nr_threads)
		die("cannot start a thread for disks");
}

void threads_submit(struct io *io)
{
	pthread_mutex_lock(&lock);
	io->next = NULL;
	*queue_last = io;
	queue_last = &io->next;
	if (++nr_queued > nr_idle && nr_threads < MAX_THREADS)
		one_more();
	pthread_cond_signal(&work);
	pthread_mutex_unlock(&lock);
}
