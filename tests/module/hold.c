/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hold a VM with a running CPU until killed; /tmp/hold.PID says that it runs. */
#include <signal.h>

#include "walker.h"

int main(void)
{
	struct guest g;
	struct vcpu v;
	char path[64];

	guest_open(&g, 4 << 20, NULL);
	vcpu_open(&v, &g, 0, guest_walk, guest_walk_end, PAGES_AT, PAGES_AT + (1u << 20), 0);
	vcpu_start(&v);
	while (!v.rounds && !v.bad)
		usleep(1000);
	if (v.bad)
		return 1;
	snprintf(path, sizeof(path), "/tmp/hold.%d", getpid());
	close(open(path, O_CREAT | O_WRONLY, 0600));
	for (;;)
		pause();
}
