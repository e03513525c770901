/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The world switch: host to guest and back (APM vol. 2, 15.5, 15.6).
 *
 * VMRUN switches little of the state, VMLOAD and VMSAVE a second part (FS, GS,
 * TR, LDTR and the MSRs of SYSCALL, SYSENTER and SWAPGS), the general
 * registers are ours. GIF is clear from before the guest's state goes in until
 * the host's is back, so that no interrupt or NMI sees the mixture; IF is set
 * in between, so that an interrupt leaves the guest.
 *
 * After the guest: predictors that it has trained are overwritten before the
 * first return, as the kernel's own headers have it for this processor.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>

#ifndef UNTRAIN_RET_VM
#define UNTRAIN_RET_VM UNTRAIN_RET
#endif
#ifndef VM_CLEAR_CPU_BUFFERS
#define VM_CLEAR_CPU_BUFFERS
#endif

#define MSR_SPEC_CTRL 0x48

/* enum x86_reg */
#define RCX(p) 8*1(p)
#define RDX(p) 8*2(p)
#define RBX(p) 8*3(p)
#define RBP(p) 8*5(p)
#define RSI(p) 8*6(p)
#define RDI(p) 8*7(p)
#define R8(p) 8*8(p)
#define R9(p) 8*9(p)
#define R10(p) 8*10(p)
#define R11(p) 8*11(p)
#define R12(p) 8*12(p)
#define R13(p) 8*13(p)
#define R14(p) 8*14(p)
#define R15(p) 8*15(p)

.section .noinstr.text, "ax"

/* void svm_world_switch(u64 vmcb_pa, u64 *gpr, u64 host_pa, u64 spec_ctrl, u64 host_spec_ctrl) */
SYM_FUNC_START(svm_world_switch)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%r8		/* 24(%rsp): the host's SPEC_CTRL */
	push	%rcx		/* 16(%rsp): the guest's */
	push	%rdx		/* 8(%rsp): where the host's state goes */
	push	%rsi		/* 0(%rsp): the guest's registers */

	clgi
	mov	%rdx, %rax
	vmsave	%rax
	cmp	%r8, %rcx
	jne	.Lspec_ctrl_guest
.Lspec_ctrl_guest_done:
	mov	%rdi, %rax
	vmload	%rax

	mov	RCX(%rsi), %rcx
	mov	RDX(%rsi), %rdx
	mov	RBX(%rsi), %rbx
	mov	RBP(%rsi), %rbp
	mov	RDI(%rsi), %rdi
	mov	R8(%rsi), %r8
	mov	R9(%rsi), %r9
	mov	R10(%rsi), %r10
	mov	R11(%rsi), %r11
	mov	R12(%rsi), %r12
	mov	R13(%rsi), %r13
	mov	R14(%rsi), %r14
	mov	R15(%rsi), %r15
	mov	RSI(%rsi), %rsi
	VM_CLEAR_CPU_BUFFERS

	sti
	vmrun	%rax
	cli

	vmsave	%rax
	pop	%rax
	mov	%rcx, RCX(%rax)
	mov	%rdx, RDX(%rax)
	mov	%rbx, RBX(%rax)
	mov	%rbp, RBP(%rax)
	mov	%rsi, RSI(%rax)
	mov	%rdi, RDI(%rax)
	mov	%r8, R8(%rax)
	mov	%r9, R9(%rax)
	mov	%r10, R10(%rax)
	mov	%r11, R11(%rax)
	mov	%r12, R12(%rax)
	mov	%r13, R13(%rax)
	mov	%r14, R14(%rax)
	mov	%r15, R15(%rax)
	pop	%rax
	vmload	%rax

	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE
	pop	%rcx
	pop	%r8
	cmp	%r8, %rcx
	jne	.Lspec_ctrl_host
.Lspec_ctrl_host_done:
	UNTRAIN_RET_VM

	/* None of the guest's values goes on speculatively; the others are replaced now. */
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	stgi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lspec_ctrl_guest:
	mov	%ecx, %eax
	mov	%rcx, %rdx
	shr	$32, %rdx
	mov	$MSR_SPEC_CTRL, %ecx
	wrmsr
	jmp	.Lspec_ctrl_guest_done

.Lspec_ctrl_host:
	mov	%r8d, %eax
	mov	%r8, %rdx
	shr	$32, %rdx
	mov	$MSR_SPEC_CTRL, %ecx
	wrmsr
	jmp	.Lspec_ctrl_host_done
SYM_FUNC_END(svm_world_switch)
