/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The doors between C and generated code. The register map and the context's
 * offsets are bt.h's (context.c asserts them); host rsp is the context while
 * generated code runs, and C called from it runs on the stack right below.
 */
	.intel_syntax noprefix
	.text

#define HOME		0x00
#define FLAGS		0x1c
#define SAVE_RAX	0x28
#define GPR_PTR		0x30
#define HOST_RSP	0x38
#define MEM_LIN		0x70
#define MEM_RET		0x78
#define SCRATCH		0x88

/* The arithmetic flags to the context, and back; rax survives in SAVE_RAX. */
.macro park_flags
	mov	[rsp + SAVE_RAX], rax
	lahf
	seto	al
	mov	[rsp + FLAGS], ax
	mov	rax, [rsp + SAVE_RAX]
.endm

.macro unpark_flags
	mov	[rsp + SAVE_RAX], rax
	movzx	eax, word ptr [rsp + FLAGS]
	add	al, 0x7f
	sahf
	mov	rax, [rsp + SAVE_RAX]
.endm

/* Guest registers that C may destroy. */
.macro push_volatile
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	r8
	push	r9
	push	r10
	push	r11
	sub	rsp, 16
.endm

.macro pop_volatile
	add	rsp, 16
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
.endm

#define FRAME (8 * 8 + 16)

.macro function name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.balign	16
\name:
.endm

/* void bt_asm_enter(struct bt_ctx *x, u64 code) */
function bt_asm_enter
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi + HOST_RSP], rsp
	mov	rsp, rdi
	mov	[rsp + SCRATCH], rsi
	mov	r13, [rsp + GPR_PTR]
	mov	rax, [r13 + 13 * 8]
	mov	[rsp + HOME], rax
	mov	rax, [r13 + 14 * 8]
	mov	[rsp + HOME + 8], rax
	mov	rax, [r13 + 15 * 8]
	mov	[rsp + HOME + 16], rax
	mov	rcx, [r13 + 1 * 8]
	mov	rdx, [r13 + 2 * 8]
	mov	rbx, [r13 + 3 * 8]
	mov	r14, [r13 + 4 * 8]
	mov	rbp, [r13 + 5 * 8]
	mov	rsi, [r13 + 6 * 8]
	mov	r15, [r13 + 7 * 8]
	mov	r8, [r13 + 8 * 8]
	mov	r9, [r13 + 9 * 8]
	mov	r10, [r13 + 10 * 8]
	mov	r11, [r13 + 11 * 8]
	mov	r12, [r13 + 12 * 8]
	movzx	eax, word ptr [rsp + FLAGS]
	add	al, 0x7f
	sahf
	mov	rax, [r13]
	jmp	[rsp + SCRATCH]

function bt_asm_exit
	park_flags
function bt_asm_exit_parked
	mov	r13, [rsp + GPR_PTR]
	mov	[r13], rax
	mov	[r13 + 1 * 8], rcx
	mov	[r13 + 2 * 8], rdx
	mov	[r13 + 3 * 8], rbx
	mov	[r13 + 4 * 8], r14
	mov	[r13 + 5 * 8], rbp
	mov	[r13 + 6 * 8], rsi
	mov	[r13 + 7 * 8], r15
	mov	[r13 + 8 * 8], r8
	mov	[r13 + 9 * 8], r9
	mov	[r13 + 10 * 8], r10
	mov	[r13 + 11 * 8], r11
	mov	[r13 + 12 * 8], r12
	mov	rax, [rsp + HOME]
	mov	[r13 + 13 * 8], rax
	mov	rax, [rsp + HOME + 8]
	mov	[r13 + 14 * 8], rax
	mov	rax, [rsp + HOME + 16]
	mov	[r13 + 15 * 8], rax
	mov	rsp, [rsp + HOST_RSP]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

/*
 * Called by generated code with the linear address in T0 and ctx->memop set;
 * arithmetic flags are dead or parked. Comes back with the host address in T0
 * and in T1 whether it is the bounce buffer.
 */
function bt_asm_mem_slow
	pop	r13
	mov	[rsp + MEM_RET], r13
	mov	[rsp + MEM_LIN], rdi
	push_volatile
	lea	rdi, [rsp + FRAME]
	mov	rsi, rsp
	call	bt_mem_slow
	mov	r13, [rsp]
	mov	rdi, rax
	pop_volatile
	test	rdi, rdi
	jz	bt_asm_exit_parked
	push	[rsp + MEM_RET]
	ret

/* The instruction has run on the bounce buffer: carry it out. Arithmetic flags are its results. */
function bt_asm_mem_commit
	pop	r13
	mov	[rsp + MEM_RET], r13
	park_flags
	push_volatile
	lea	rdi, [rsp + FRAME]
	call	bt_mem_commit
	mov	r13d, eax
	pop_volatile
	test	r13d, r13d
	jnz	bt_asm_exit_parked
	unpark_flags
	push	[rsp + MEM_RET]
	ret

/* T0 is an offset in the segment of ctx->memop: comes back with the linear address in T0. */
function bt_asm_seg_slow
	pop	r13
	mov	[rsp + MEM_RET], r13
	mov	[rsp + MEM_LIN], rdi
	push_volatile
	lea	rdi, [rsp + FRAME]
	mov	rsi, rsp
	call	bt_seg_slow
	mov	r13, [rsp]
	mov	rdi, rax
	pop_volatile
	test	r13, r13
	jnz	bt_asm_exit_parked
	push	[rsp + MEM_RET]
	ret

	.section .note.GNU-stack, "", @progbits
