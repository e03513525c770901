// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Does the guest run, and if not, why? The vCPUs are in KVM_RUN only in the running state, and only
 * while nobody holds them (a reset, a look at their registers). Only the event loop's thread stops
 * them; another one asks.
 */
#include <pthread.h>

#include "host/block/block.h"
#include "host/event.h"
#include "host/loop.h"
#include "host/machine/machine.h"
#include "host/machine/state.h"
#include "host/vcpu.h"

static enum machine_state state = STATE_PRELAUNCH;
static enum machine_state pause_asked = STATE_RUNNING;	/* running: no */
static unsigned int holds;
static pthread_t loop_thread;
static uint64_t ran_before, running_since;	/* for device_run_clock() */

void (*machine_power_button)(void);

static const char *const names[] = {
	[STATE_PRELAUNCH] = "prelaunch",
	[STATE_RUNNING] = "running",
	[STATE_PAUSED] = "paused",
	[STATE_SHUTDOWN] = "shutdown",
	[STATE_IO_ERROR] = "io-error",
	[STATE_INTERNAL_ERROR] = "internal-error",
};
_Static_assert(ARRAY_SIZE(names) == STATES, "a name for every state");

enum machine_state machine_state(void)
{
	return state;
}

const char *machine_state_name(enum machine_state s)
{
	return names[s];
}

uint64_t device_run_clock(void)
{
	return ran_before + (state == STATE_RUNNING ? device_now() - running_since : 0);
}

void machine_hold(void)
{
	if (!holds++ && state == STATE_RUNNING)
		vcpus_pause();
}

void machine_release(void)
{
	if (!--holds && state == STATE_RUNNING)
		vcpus_resume();
}

void machine_pause_soon(enum machine_state why)
{
	pause_asked = why;
	loop_wake();
}

void machine_pause(enum machine_state why)
{
	if (!pthread_equal(pthread_self(), loop_thread)) {
		machine_pause_soon(why);
		return;
	}
	if (state != STATE_RUNNING)
		return;
	machine_hold();
	ran_before = device_run_clock();
	state = why;
	holds--;
	event_send("STOP");
}

const char *machine_resume(void)
{
	if (state == STATE_RUNNING)
		return NULL;
	if (state == STATE_SHUTDOWN || state == STATE_INTERNAL_ERROR)
		return "the guest has ended; system_reset first";
	event_send("RESUME");
	running_since = device_now();
	state = STATE_RUNNING;
	/* What a failure of a disk has stopped is tried again. */
	block_retry_all();
	if (!holds)
		vcpus_resume();
	return NULL;
}

void state_begin(bool run)
{
	loop_thread = pthread_self();
	if (run)
		machine_resume();
}

void state_was_reset(void)
{
	if (state == STATE_SHUTDOWN || state == STATE_INTERNAL_ERROR)
		state = STATE_PAUSED;
}

void state_serve(void)
{
	enum machine_state why = pause_asked;

	pause_asked = STATE_RUNNING;
	if (why != STATE_RUNNING)
		machine_pause(why);
}
