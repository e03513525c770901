// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libvncserver, opened when a VNC server is asked for. With GnuTLS and the dozen of libraries that
 * come along it would be a quarter of the way from exec to the guest's first instruction, and a
 * megabyte of memory, of every machine, and most have no viewer.
 *
 * Its functions are called by their own names, as <rfb/rfb.h> declares them: each is here a jump to
 * where the library has it.
 */
#include <dlfcn.h>

#include "host/bus/bus.h"
#include "host/display/vnc_internal.h"
#include "host/report.h"

#define LIBRARY "libvncserver.so.1"

#define FUNCTIONS(F)								\
	F(rfbClientIteratorNext)						\
	F(rfbCloseClient)							\
	F(rfbEncryptBytes)							\
	F(rfbGetClientIterator)							\
	F(rfbGetScreen)								\
	F(rfbInitServerWithPthreadsAndZRLE)					\
	F(rfbLogEnable)								\
	F(rfbMakeXCursor)							\
	F(rfbMarkRectAsModified)						\
	F(rfbNewClient)								\
	F(rfbNewFramebuffer)							\
	F(rfbProcessEvents)							\
	F(rfbReadExact)								\
	F(rfbRegisterProtocolExtension)						\
	F(rfbReleaseClientIterator)						\
	F(rfbWriteExact)

#define JUMP(name)								\
	static void *at_##name asm("vnc_at_" #name) __attribute__((used));	\
	asm(".pushsection .text\n"						\
	    ".globl " #name "\n"						\
	    ".type " #name ", @function\n"					\
	    #name ": jmp *vnc_at_" #name "(%rip)\n"				\
	    ".size " #name ", . - " #name "\n"					\
	    ".popsection\n");
FUNCTIONS(JUMP)

#define ROW(name) { #name, &at_##name },
static const struct {
	const char *name;
	void **at;
} functions[] = { FUNCTIONS(ROW) };

static void *library;

static void *find(const char *name)
{
	void *p = dlsym(library, name);

	if (!p)
		die("-vnc: %s has no %s; another version of it is needed", LIBRARY, name);
	return p;
}

void vnc_library_open(void)
{
	unsigned int i;

	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		die("-vnc: libvncserver cannot be used (%s); the package is libvncserver1",
		    dlerror());
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		*functions[i].at = find(functions[i].name);
}

void vnc_library_client_wait(int ms)
{
	*(int *)find("rfbMaxClientWait") = ms;
}
