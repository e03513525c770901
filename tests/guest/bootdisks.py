# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that say who they are: a boot sector each, which prints its name and obeys keys.

    n  leave it to the next device (INT 18h)    r  reset by CF9h        k  by the keyboard controller
    9  by port 92h       t  by a triple fault   p  power off            h  stand still

All goes through the BIOS, so it is there on the screen as on the serial console.
"""
import os

import boot

NAME = b"@name@@@"
SECTOR = r"""
	.code16
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7000, %sp
	mov	$name, %si
1:	lodsb
	test	%al, %al
	jz	key
	mov	$0x0e, %ah
	mov	$7, %bx
	int	$0x10
	jmp	1b
key:	xor	%ah, %ah
	int	$0x16
	cmp	$'n', %al
	je	next
	cmp	$'r', %al
	je	cf9
	cmp	$'k', %al
	je	kbd
	cmp	$'9', %al
	je	fast
	cmp	$'t', %al
	je	triple
	cmp	$'p', %al
	je	off
	cmp	$'h', %al
	jne	key
stand:	cli
	hlt
	jmp	stand
next:	int	$0x18
cf9:	mov	$0xcf9, %dx
	mov	$2, %al
	out	%al, %dx
	mov	$6, %al
	out	%al, %dx
	jmp	stand
kbd:	mov	$0xfe, %al
	out	%al, $0x64
	jmp	stand
fast:	in	$0x92, %al
	or	$1, %al
	out	%al, $0x92
	jmp	stand
triple:	lidt	nothing
	int3
off:	mov	$0x604, %dx
	mov	$0x2000, %ax		/* SLP_EN; SUS_TYP of soft off is 0 */
	out	%ax, %dx
	jmp	stand
nothing: .word	0, 0, 0
name:	.ascii	"\r\n<@name@@@"
	.byte	0
	.org	510
	.word	0xaa55
"""


def cd(sector):
    """An ISO 9660 image that is nothing but its boot record (El Torito, no emulation)."""
    image = bytearray(2048 * 24)

    def put(block, data):
        image[block * 2048:block * 2048 + len(data)] = data
    root = bytes([34, 0]) + (23).to_bytes(4, "little") + (23).to_bytes(4, "big") + \
        (2048).to_bytes(4, "little") + (2048).to_bytes(4, "big") + bytes(7) + b"\2" + bytes(2) + \
        b"\1\0\0\1" + b"\1\0"
    volume = bytearray(2048)
    volume[:7] = b"\1CD001\1"
    volume[80:88] = (24).to_bytes(4, "little") + (24).to_bytes(4, "big")
    volume[128:132] = (2048).to_bytes(2, "little") + (2048).to_bytes(2, "big")
    volume[156:156 + len(root)] = root
    put(16, volume)
    put(17, b"\0CD001\1" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + (19).to_bytes(4, "little"))
    put(18, b"\xffCD001\1")
    check = bytearray(b"\1" + bytes(27) + b"\0\0\x55\xaa")
    total = sum(int.from_bytes(check[i:i + 2], "little") for i in range(0, 32, 2))
    check[28:30] = (-total & 0xffff).to_bytes(2, "little")
    put(19, bytes(check) + b"\x88\0\0\0\0\0\4\0" + (20).to_bytes(4, "little"))
    put(20, sector)
    return bytes(image)


def make(directory):
    """a.img, b.img, c.img: disks of 1 MiB; f.img: a diskette; cd.iso. Each calls itself so: <a>."""
    with open(boot.assemble(directory, SECTOR), "rb") as f:
        code = f.read(512)

    def named(name):
        return code.replace(NAME, (name.encode() + b">").ljust(len(NAME), b"\0"))
    for name, length in (("a", 1 << 20), ("b", 1 << 20), ("c", 1 << 20), ("f", 1440 << 10)):
        with open(os.path.join(directory, name + ".img"), "wb") as f:
            f.write(named(name).ljust(length, b"\0"))
    with open(os.path.join(directory, "cd.iso"), "wb") as f:
        f.write(cd(named("cd")))
