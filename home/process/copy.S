/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accesses that survive a vanished page. Each is a leaf that keeps nothing on
 * the stack, so a fault inside [start, end) may simply go on at a landing that
 * returns -EFAULT. home_fixups lists the ranges; signal.c reads it.
 */
#define EFAULT 14

	.text

	.macro FN name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	.endm

	.macro END name
	.cfi_endproc
	.size	\name, . - \name
	.endm

FN home_copy
.Lcopy_s:
	cmpq	$128, %rdx
	jae	3f
	subq	$8, %rdx
	jb	2f
1:	movq	(%rsi), %rax
	movq	%rax, (%rdi)
	addq	$8, %rsi
	addq	$8, %rdi
	subq	$8, %rdx
	jae	1b
2:	addq	$8, %rdx
	jz	5f
4:	movb	(%rsi), %al
	movb	%al, (%rdi)
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jnz	4b
	jmp	5f
3:	movq	%rdx, %rcx
	rep movsb
.Lcopy_e:
5:	xorl	%eax, %eax
	ret
END home_copy

	.macro COPY name, reg
FN home_copy\name
.Lc\name\()_s:
	mov	(%rsi), \reg
	mov	\reg, (%rdi)
.Lc\name\()_e:
	xorl	%eax, %eax
	ret
END home_copy\name
	.endm

	COPY 1, %al
	COPY 2, %ax
	COPY 4, %eax
	COPY 8, %rax

FN home_touch_write
.Ltouch_s:
	lock orb $0, (%rdi)
.Ltouch_e:
	xorl	%eax, %eax
	ret
END home_touch_write

	/* (p = rdi, old = rsi, val = rdx): *old gets what memory holds */
	.macro CMPXCHG name, acc, reg
FN home_cmpxchg\name
	mov	(%rdx), \reg
	mov	(%rsi), \acc
.Lx\name\()_s:
	lock cmpxchg \reg, (%rdi)
.Lx\name\()_e:
	mov	\acc, (%rsi)
	sete	%al
	movzbl	%al, %eax
	ret
END home_cmpxchg\name
	.endm

	CMPXCHG 1, %al, %cl
	CMPXCHG 2, %ax, %cx
	CMPXCHG 4, %eax, %ecx
	CMPXCHG 8, %rax, %rcx

FN home_cmpxchg16
	movq	%rbx, %r10
	movq	(%rdx), %rbx
	movq	8(%rdx), %rcx
	movq	(%rsi), %rax
	movq	8(%rsi), %rdx
.Lx16_s:
	lock cmpxchg16b (%rdi)
.Lx16_e:
	movq	%rax, (%rsi)
	movq	%rdx, 8(%rsi)
	movq	%r10, %rbx
	sete	%al
	movzbl	%al, %eax
	ret
END home_cmpxchg16

.Llanding16:
	movq	%r10, %rbx
.Llanding:
	cld
	movl	$-EFAULT, %eax
	ret

	.macro ROW s, e, l
	.quad	\s, \e, \l
	.endm

	.section .data.rel.ro, "aw"
	.p2align 3
	.globl	home_fixups, home_fixups_end
	.hidden	home_fixups, home_fixups_end
home_fixups:
	ROW .Lcopy_s, .Lcopy_e, .Llanding
	ROW .Lc1_s, .Lc1_e, .Llanding
	ROW .Lc2_s, .Lc2_e, .Llanding
	ROW .Lc4_s, .Lc4_e, .Llanding
	ROW .Lc8_s, .Lc8_e, .Llanding
	ROW .Ltouch_s, .Ltouch_e, .Llanding
	ROW .Lx1_s, .Lx1_e, .Llanding
	ROW .Lx2_s, .Lx2_e, .Llanding
	ROW .Lx4_s, .Lx4_e, .Llanding
	ROW .Lx8_s, .Lx8_e, .Llanding
	ROW .Lx16_s, .Lx16_e, .Llanding16
home_fixups_end:

	.section .note.GNU-stack, "", @progbits
