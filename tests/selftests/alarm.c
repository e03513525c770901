// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel's tests give a guest a second or two to answer, by alarm(2). On a machine that others
 * use too that says nothing of the guest: linked with --wrap=alarm, they wait for a minute or two.
 */
unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	return __real_alarm(seconds * 60);
}
