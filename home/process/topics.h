/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's trace topics: ANYKVM_TRACE, -d of anykvm-exec and of anykvm.
 * X(name, what it is).
 */
#ifndef ANYKVM_TOPICS_H
#define ANYKVM_TOPICS_H

#define HOME_TOPICS(X) \
	X("exit", "what ends KVM_RUN, from inside") \
	X("msr", "MSR accesses") \
	X("event", "interrupts and exceptions as they reach the guest") \
	X("block", "guest code as it is decoded and translated") \
	X("stats", "a CPU's counters when it ends, and on SIGSTKFLT") \
	X("count", "stats, and what translated code executes (slower)") \
	X("perf", "names of translated code for perf(1), in /tmp/perf-PID.map") \
	X("watch", "how writes to translated code are noticed")

#endif
