/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run guest code on the processor itself: load every register, jump, store every register. */
	.intel_syntax noprefix
	.text
	.globl	native_run, native_exit
	.type	native_run, @function
native_run:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rip + native_host_rsp], rsp
	lea	rcx, [rip + native_state]
	mov	eax, 7
	xor	edx, edx
	mov	r8, [rip + native_xsave]
	xrstor64 [r8]
	push	[rcx + 16 * 8]
	popfq
	mov	rax, [rcx]
	mov	rdx, [rcx + 2 * 8]
	mov	rbx, [rcx + 3 * 8]
	mov	rsp, [rcx + 4 * 8]
	mov	rbp, [rcx + 5 * 8]
	mov	rsi, [rcx + 6 * 8]
	mov	rdi, [rcx + 7 * 8]
	mov	r8, [rcx + 8 * 8]
	mov	r9, [rcx + 9 * 8]
	mov	r10, [rcx + 10 * 8]
	mov	r11, [rcx + 11 * 8]
	mov	r12, [rcx + 12 * 8]
	mov	r13, [rcx + 13 * 8]
	mov	r14, [rcx + 14 * 8]
	mov	r15, [rcx + 15 * 8]
	mov	rcx, [rcx + 8]
	jmp	fword ptr [rip + native_code]	/* 32-bit offset, selector: 64-bit or compatibility mode */

native_exit:
	mov	[rip + native_state], rax
	lea	rax, [rip + native_state]
	mov	[rax + 1 * 8], rcx
	mov	[rax + 2 * 8], rdx
	mov	[rax + 3 * 8], rbx
	mov	[rax + 4 * 8], rsp
	mov	[rax + 5 * 8], rbp
	mov	[rax + 6 * 8], rsi
	mov	[rax + 7 * 8], rdi
	mov	[rax + 8 * 8], r8
	mov	[rax + 9 * 8], r9
	mov	[rax + 10 * 8], r10
	mov	[rax + 11 * 8], r11
	mov	[rax + 12 * 8], r12
	mov	[rax + 13 * 8], r13
	mov	[rax + 14 * 8], r14
	mov	[rax + 15 * 8], r15
	mov	rsp, [rip + native_host_rsp]
	pushfq
	pop	[rax + 16 * 8]
	push	0x202
	popfq
	mov	r8, [rip + native_xsave]
	mov	eax, 7
	xor	edx, edx
	xsave64	[r8]
	fninit
	push	0x1f80
	ldmxcsr	[rsp]
	pop	rax
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

/* void engine_run(struct bt_ctx *x, u64 code, void *xsave): bt_enter with the vector state around it */
	.globl	engine_run
	.type	engine_run, @function
engine_run:
	push	rbx
	mov	rbx, rdx
	mov	rcx, rdx
	mov	eax, 7
	xor	edx, edx
	xrstor64 [rcx]
	call	bt_enter
	mov	ecx, eax
	mov	eax, 7
	xor	edx, edx
	xsave64	[rbx]
	fninit
	push	0x1f80
	ldmxcsr	[rsp]
	pop	rax
	mov	eax, ecx
	pop	rbx
	ret

	.bss
	.balign	16
	.globl	native_state, native_code, native_xsave
native_state:	.skip 17 * 8
native_host_rsp: .skip 8
native_code:	.skip 8		/* offset, then the code selector */
native_xsave:	.skip 8
	.section .note.GNU-stack, "", @progbits
