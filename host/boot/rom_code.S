/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The option ROM by which firmware starts a Linux kernel: a bootstrap entry (Plug and Play BIOS
 * Specification 1.0A, section 3) that has fw_cfg put setup code, command line, kernel and initrd
 * where the host says, by DMA, and enters the setup code as the Linux boot protocol has it.
 * Checksums and the ROM's length are filled in by rom.c.
 */
	.section .rodata.boot_rom, "a"
	.globl	boot_rom, boot_rom_end
	.code16

#define FW_CFG_DMA	0x514
#define DMA_READ_SELECT	0x0a
#define SCRATCH_SEGMENT	0x7000
#define SCRATCH		0x70000
#define SETUP_SEGMENT	0x1000
#define NUMBER		16		/* in the scratch segment, behind the command */

boot_rom:
	.byte	0x55, 0xaa, 0
	lretw				/* initialization: nothing to do */
	.org	0x18
	.word	0			/* no PCI data structure */
	.word	pnp - boot_rom
	.balign	16
pnp:
	.ascii	"$PnP"
	.byte	1, 2			/* revision, length in 16 bytes */
	.word	0			/* no next header */
	.byte	0, 0			/* reserved, checksum */
	.long	0
	.word	maker - boot_rom
	.word	product - boot_rom
	.byte	0, 0, 0			/* class */
	.byte	0x20			/* not a disk, nor shadowed with writes */
	.word	0, 0			/* boot connection, disconnect */
	.word	start - boot_rom	/* bootstrap entry */
	.word	0, 0

maker:	.asciz	"anykvm"
product: .asciz	"Linux kernel"
failed:	.asciz	"\r\nThe kernel cannot be read from fw_cfg\r\n"

/* Selectors of address, size and data of each part: setup, command line, kernel, initrd. */
parts:
	.word	0x16, 0x17, 0x18
	.word	0x13, 0x14, 0x15
	.word	0x07, 0x08, 0x11
	.word	0x0a, 0x0b, 0x12
parts_end:

start:
	cli
	cld
	movw	$SCRATCH_SEGMENT, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movl	$0xfff0, %esp
	movw	$(parts - boot_rom), %si
1:	movw	%cs:(%si), %ax
	call	number
	movl	%eax, %ebx		/* where to */
	movw	%cs:2(%si), %ax
	call	number
	movl	%eax, %ecx
	testl	%ecx, %ecx
	jz	4f
	movw	%cs:4(%si), %ax
	call	read
4:	addw	$6, %si
	cmpw	$(parts_end - boot_rom), %si
	jb	1b

	movw	$SETUP_SEGMENT, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movl	$0xfff0, %esp
	ljmpw	$(SETUP_SEGMENT + 0x20), $0

/* Item %ax, a number of 32 bits, to %eax. */
number:
	movl	$4, %ecx
	pushl	%ebx
	movl	$(SCRATCH + NUMBER), %ebx
	call	read
	popl	%ebx
	movl	NUMBER, %eax
	ret

/* %ecx bytes of item %ax to address %ebx. The command is big-endian. */
read:
	shll	$16, %eax
	movw	$DMA_READ_SELECT, %ax
	bswapl	%eax
	movl	%eax, 0
	bswapl	%ecx
	movl	%ecx, 4
	movl	$0, 8
	bswapl	%ebx
	movl	%ebx, 12
	movw	$FW_CFG_DMA, %dx
	xorl	%eax, %eax
	outl	%eax, %dx
	addw	$4, %dx
	movl	$SCRATCH, %eax
	bswapl	%eax
	outl	%eax, %dx
1:	movl	0, %eax
	bswapl	%eax
	testl	%eax, %eax
	jz	2f
	testb	$1, %al
	jz	1b
	jmp	fail
2:	ret

fail:
	movw	$(failed - boot_rom), %si
1:	movb	%cs:(%si), %al
	incw	%si
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	1b
2:	hlt
	jmp	2b
boot_rom_end:

	.section .note.GNU-stack, "", @progbits
