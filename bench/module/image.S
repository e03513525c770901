/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's flat image, inside the host program. GUEST_IMAGE: its file. */
	.section .rodata
	.globl guest_image, guest_image_end
guest_image:
	.incbin GUEST_IMAGE
guest_image_end:
	.section .note.GNU-stack, "", @progbits
