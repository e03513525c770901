#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole guests: the distribution's kernels, firmware and boot loader, memtest86+, and two small ones.

    tests/guest/boot.py [-l] [--tcg | --kvm] [NAME]...

Every row starts a machine, reads its serial console until it has seen what it waits for, and is
judged by that and by the exit status. --tcg runs the rows that use QEMU on TCG instead of the
library: it proves the row, not us. --kvm runs all on the machine's /dev/kvm: in an emulated machine,
where there is no compiler, what else a row needs is in build/guest (scripts/testbed/guests).
"""
import argparse
import hashlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST = os.path.join(TOP, "build/guest")
BUILD = os.environ.get("ANYKVM_BUILD", os.path.join(TOP, "build"))
ANYKVM = os.path.join(BUILD, "anykvm")
EXEC = os.path.join(BUILD, "anykvm-exec")
TCG = KVM = False
# An emulated machine is slow: little on the console, and no walk over all of the PCI bus' ports.
# Its processor does not intercept XSETBV (QEMU 7.2), so no hypervisor knows its guest's XCR0.
SLOW = " loglevel=5 pci=noearly"
SLOW_CPU = "host,xsave=off"


class Skip(Exception):
    pass


class Wrong(Exception):
    pass


def need(path, what):
    if not os.path.exists(path):
        raise Skip(f"{what} is not there ({os.path.relpath(path, TOP)})")
    return path


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def qemu(*args, cpu="host", runner=None):
    if TCG:
        return [tool("qemu-system-x86_64"), "-accel", "tcg", "-cpu", "max", "-net", "none", *args]
    cpu = SLOW_CPU if KVM and cpu == "host" else cpu
    return [*([] if KVM else [runner or need(EXEC, "anykvm-exec")]), tool("qemu-system-x86_64"),
            "-accel", "kvm", "-net", "none", *(["-cpu", cpu] if cpu else []), *args]


def anykvm(*args):
    how = ["-accel", "kvm", "-cpu", SLOW_CPU] if KVM else ["-accel", "bt"]
    return [need(ANYKVM, "anykvm"), *how, *args]


def run(argv, limit, until=None, status=0):
    """Run a machine to its end, or until its console shows a pattern; its console's text."""
    if KVM:
        argv = [a + SLOW if a.startswith("console=ttyS0 ") else a for a in argv]
        limit *= 2
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, start_new_session=True)
    text, end, found = "", time.monotonic() + limit, False
    try:
        while time.monotonic() < end:
            if not select.select([p.stdout], [], [], 0.5)[0]:
                if p.poll() is not None:
                    break
                continue
            data = os.read(p.stdout.fileno(), 65536)
            if not data:
                break
            text += data.decode(errors="replace").replace("\r", "")
            if until and re.search(until, text, re.M):
                found = True
                break
        else:
            raise Wrong(f"nothing more after {limit} s; the end: {text[-600:]}")
        if until and not found:
            raise Wrong(f"ended without showing /{until}/: {text[-600:]}")
        if not until:
            got = p.wait(10)
            if got != status:
                raise Wrong(f"exit status {got}: {text[-600:]}")
    finally:
        if p.poll() is None:
            p.kill()
        p.wait()
    return text


def expect(text, *patterns):
    for pattern in patterns:
        if not re.search(pattern, text, re.M):
            raise Wrong(f"no /{pattern}/ in: {text[-800:]}")
    for bad in (r"Kernel panic", r"^\[ *[0-9.]+\] BUG:", r"Oops", r"general protection fault",
                r"WARNING: CPU"):
        found = re.search(bad + ".*", text, re.M)
        if found:
            raise Wrong(f"the guest says: {found[0]}")


def linux(machine, flavour, cpus, memory=512, where=GUEST):
    kernel = need(f"{where}/vmlinuz-{flavour}", f"the {flavour} kernel")
    initrd = need(f"{where}/initrd-{flavour}.gz", "its initrd")
    argv = machine("-m", str(memory), "-smp", str(cpus), "-nographic", "-no-reboot", "-kernel",
                   kernel, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 anykvm.info")
    text = run(argv, 180)
    arch = "x86_64" if flavour == "amd64" else "i686"
    expect(text, rf"^Linux .* {arch} GNU/Linux", rf"^CPUs: {cpus} x ",
           r"^MemTotal: *[0-9]{6,} kB")


def anykvm_amd64():
    linux(anykvm, "amd64", 1)


def anykvm_amd64_smp():
    linux(anykvm, "amd64", 2)


def anykvm_686():
    linux(anykvm, "686", 1)


def anykvm_686_smp():
    linux(anykvm, "686", 2)


def qemu_amd64():
    linux(qemu, "amd64", 1)


def qemu_amd64_smp():
    linux(qemu, "amd64", 2)


def qemu_686():
    linux(qemu, "686", 1)


def qemu_686_smp():
    linux(qemu, "686", 2)


def irqchip(kind):
    def machine(*args):
        return qemu("-M", f"pc,kernel-irqchip={kind}", *args)
    linux(machine, "amd64", 1)


def qemu_split():
    if TCG:
        raise Skip("TCG has no irqchip in a kernel")
    irqchip("split")


def qemu_off():
    if TCG:
        raise Skip("TCG has no irqchip in a kernel")
    irqchip("off")


def qemu_q35():
    linux(lambda *args: qemu("-M", "q35", *args), "amd64", 2)


def qemu_default():
    """QEMU's own model of a processor, q35, half of the interrupt chips in QEMU, two CPUs."""
    split = [] if TCG else ["-M", "q35,kernel-irqchip=split"]
    linux(lambda *args: qemu(*split, *args, cpu=None), "amd64", 2)


def qemu_user(directory):
    """An ordinary user, and no /dev/kvm to be seen."""
    if TCG or KVM:
        raise Skip("is for the library")
    machine = qemu
    if os.getuid() == 0:
        os.chmod(directory, 0o755)
        for path in (EXEC, os.path.join(os.path.dirname(EXEC), "libanykvm.so"),
                     f"{GUEST}/vmlinuz-amd64", f"{GUEST}/initrd-amd64.gz"):
            shutil.copy(need(path, os.path.basename(path)), directory)
        hide = """
[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm 2>/dev/null
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""
        def machine(*args):
            return ["unshare", "-m", "sh", "-c", hide, "sh",
                    *qemu(*args, runner=f"{directory}/anykvm-exec")]
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode:
            raise Skip("unshare -m is refused")
        linux(machine, "amd64", 1, where=directory)
    else:
        linux(machine, "amd64", 1)


def qemu_reboot():
    """The guest resets its machine, by a triple fault: firmware and kernel start again."""
    kernel = need(f"{GUEST}/vmlinuz-amd64", "the amd64 kernel")
    initrd = need(f"{GUEST}/initrd-amd64.gz", "its initrd")
    # No init and no root: it panics, which with panic=-1 resets at once.
    text = run(qemu("-m", "256", "-smp", "2", "-nographic", "-kernel", kernel, "-initrd", initrd,
                    "-append", "console=ttyS0 panic=-1 reboot=t rdinit=/none root=/dev/none"),
               180, until=r"(?s)Kernel panic.*Linux version.*Kernel panic")
    if text.count("SeaBIOS") < 2:
        raise Wrong(f"no firmware between: {text[-600:]}")


def seabios():
    """Firmware alone: its words come by a port of QEMU's."""
    text = run(qemu("-m", "64", "-display", "none", "-vga", "none", "-serial", "none",
                    "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402"), 60,
               until=r"No bootable device|Boot failed")
    expect(text, r"^SeaBIOS \(version", r"^All threads complete", r"e820 map has")


def grub_iso(directory, config, *files):
    """An ISO image that boots by BIOS; a file is (name in the image, source)."""
    tree = os.path.join(directory, "iso")
    os.makedirs(os.path.join(tree, "boot/grub"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="utf-8") as f:
        f.write(config)
    for name, source in files:
        shutil.copy(source, os.path.join(tree, name))
    iso = os.path.join(directory, "image.iso")
    p = subprocess.run([tool("grub-mkrescue"), "-d", "/usr/lib/grub/i386-pc", "-o", iso, tree],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if p.returncode:
        raise Skip("grub-mkrescue: " + p.stdout.decode(errors="replace").strip()[-200:])
    return iso


def grub(directory):
    ready = f"{GUEST}/grub.iso"
    iso = ready if KVM and os.path.exists(ready) else linux_iso(directory)
    text = run(qemu("-m", "512", "-nographic", "-no-reboot", "-boot", "d", "-cdrom", iso), 240)
    expect(text, r"grub is here", r"^Linux .* x86_64 GNU/Linux", r"^CPUs: 1 x ")


def anykvm_grub(directory):
    """The same image as a virtio disk of our own PC: SeaBIOS, GRUB from its first sectors, Linux."""
    ready = f"{GUEST}/grub.iso"
    iso = ready if KVM and os.path.exists(ready) else linux_iso(directory)
    text = run(anykvm("-m", "512", "-nodefaults", "-vga", "none", "-nographic", "-no-reboot",
                      "-drive", f"if=virtio,format=raw,snapshot=on,file={iso}"), 240)
    expect(text, r"Booting from Hard Disk", r"grub is here", r"^Linux .* x86_64 GNU/Linux",
           r"^CPUs: 1 x ")


def linux_iso(directory, words=""):
    tool("xorriso")
    need("/usr/lib/grub/i386-pc", "GRUB for BIOS")
    return grub_iso(directory, """
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
echo "grub is here"
linux /boot/vmlinuz console=ttyS0 panic=-1 anykvm.info WORDS
initrd /boot/initrd
boot
""".replace(" WORDS", words), ("boot/vmlinuz", need(f"{GUEST}/vmlinuz-amd64", "the amd64 kernel")),
                   ("boot/initrd", need(f"{GUEST}/initrd-amd64.gz", "its initrd")))


def memtest(directory):
    image = need(f"{GUEST}/memtest.bin", "memtest86+")
    text = run(qemu("-m", "64", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel",
                    image, "-append", "console=ttyS0,115200"), 240,
               until=r"#([2-9]|10)\s+\[")  # tests are numbered from 0: the first are behind it
    if re.search(r"Errors:\s*[1-9]", text):
        raise Wrong(f"memtest86+ found errors: {text[-400:]}")


def assemble(directory, source):
    """A flat real-mode image from assembly, padded to a boot sector's worth of sectors."""
    path = os.path.join(directory, "guest")
    with open(path + ".S", "w", encoding="utf-8") as f:
        f.write(source)
    for argv in ([tool("as"), "--32", "-o", path + ".o", path + ".S"],
                 [tool("ld"), "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o",
                  path + ".bin", path + ".o"]):
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if p.returncode:
            raise Wrong(p.stdout.decode(errors="replace"))
    with open(path + ".bin", "rb") as f:
        data = f.read()
    with open(path + ".img", "wb") as f:
        f.write(data + bytes(-len(data) % 512) + bytes(512 * 64))
    return path + ".img"


PRINT = r"""
.macro putc
	mov	$0x3f8, %dx
	outb	%al, %dx
.endm
"""

# Writes an instruction's operand, runs it at once, ten thousand times in three ways.
SELF_MODIFYING = PRINT + r"""
	.code16
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7000, %sp
	mov	$10000, %cx
	xor	%ebx, %ebx
1:	movb	%cl, target + 1		/* the next instruction but one */
	jmp	2f
2:
target:	mov	$0, %al
	cmp	%al, %cl
	jne	bad
	incb	counter + 1		/* the very next instruction */
counter: mov	$0, %al
	inc	%bl
	cmp	%al, %bl
	jne	bad
	lea	patch, %di		/* a string store into code */
	mov	%cl, %al
	stosb
	.byte	0xb0			/* mov imm8, al */
patch:	.byte	0
	cmp	%al, %cl
	jne	bad
	dec	%cx
	jnz	1b
	mov	$'G', %al
	putc
	jmp	end
bad:	mov	$'B', %al
	putc
end:	mov	$'!', %al
	putc
	hlt
	jmp	end
	.org	510
	.word	0xaa55
"""

# Reads sectors by the ATA controller's bus master into a page that it has just run code from.
DMA_INTO_CODE = PRINT + r"""
	.code16
	.set	CODE, 0x9000
	.set	PRD, 0x8000
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7000, %sp
	/* function 1 of the PIIX3, device 1: find BAR 4 and let it master the bus */
	mov	$0x80000920, %eax
	mov	$0xcf8, %dx
	out	%eax, %dx
	mov	$0xcfc, %dx
	in	%dx, %eax
	and	$0xfff0, %ax
	mov	%ax, base
	mov	$0x80000904, %eax
	mov	$0xcf8, %dx
	out	%eax, %dx
	mov	$0xcfc, %dx
	in	%dx, %eax
	or	$5, %al
	out	%eax, %dx
	movl	$CODE, PRD
	movl	$0x80000200, PRD + 4	/* one entry of 512 bytes, the last */
	mov	$1, %bp			/* sector number, and what its code answers */
next:	movw	$0xc3b0, CODE		/* mov $0, %al; ret: wrong unless replaced */
	movb	$0xb0, CODE
	movb	$0xff, CODE + 1
	movb	$0xc3, CODE + 2
	mov	$CODE, %bx
	call	*%bx
	cmp	$0xff, %al
	jne	bad
	mov	base, %dx
	mov	$0, %al
	out	%al, %dx		/* stop */
	add	$2, %dx
	mov	$6, %al
	out	%al, %dx		/* clear interrupt and error */
	mov	base, %dx
	add	$4, %dx
	mov	$PRD, %eax
	out	%eax, %dx
	mov	$0x1f6, %dx
	mov	$0xe0, %al
	out	%al, %dx
	mov	$0x1f2, %dx
	mov	$1, %al
	out	%al, %dx
	inc	%dx
	mov	%bp, %ax
	out	%al, %dx
	xor	%al, %al
	inc	%dx
	out	%al, %dx
	inc	%dx
	out	%al, %dx
	mov	$0x1f7, %dx
	mov	$0xc8, %al		/* READ DMA */
	out	%al, %dx
	mov	base, %dx
	mov	$9, %al			/* start, to memory */
	out	%al, %dx
	add	$2, %dx
wait:	in	%dx, %al
	test	$2, %al
	jnz	bad
	test	$4, %al
	jz	wait
	mov	$0x1f7, %dx
	in	%dx, %al
	mov	$CODE, %bx
	call	*%bx
	mov	%bp, %cx
	cmp	%al, %cl
	jne	bad
	inc	%bp
	cmp	$33, %bp
	jne	next
	mov	$'G', %al
	putc
	jmp	end
bad:	mov	$'B', %al
	putc
end:	mov	$'!', %al
	putc
	hlt
	jmp	end
base:	.word	0
	.org	510
	.word	0xaa55
"""


def sector_guest(image):
    text = run(qemu("-m", "16", "-display", "none", "-vga", "none", "-serial", "stdio",
                    "-no-reboot", "-drive", f"file={image},format=raw,if=ide"), 60, until=r"[GB]!")
    if "G!" not in text:
        raise Wrong("old code ran")


def self_modifying(directory):
    sector_guest(assemble(directory, SELF_MODIFYING))


def dma_into_code(directory):
    image = assemble(directory, DMA_INTO_CODE)
    with open(image, "r+b") as f:
        for i in range(1, 64):
            f.seek(512 * i)
            f.write(bytes([0xb0, i, 0xc3]))  # mov $i, %al; ret
    sector_guest(image)


FORKS_SCRIPT = """#!/bin/sh
loop() {
	i=0
	while [ $i -lt 100 ]; do
		x=$(echo $1-$i | /bin/busybox sed s/-/:/) || echo "anykvm-bad: status $?"
		[ "$x" = "$1:$i" ] || echo "anykvm-bad: $x"
		i=$((i + 1))
	done
}
for n in 1 2 3 4; do loop $n & done
wait
"""


def forks(directory):
    """Processes are made and their pages copied on write, on two CPUs, with PCID."""
    script, initrd = os.path.join(directory, "forks"), os.path.join(directory, "initrd.gz")
    with open(script, "w", encoding="utf-8") as f:
        f.write(FORKS_SCRIPT)
    os.chmod(script, 0o755)
    subprocess.run([os.path.join(TOP, "scripts/mkinitrd"), initrd,
                    need(f"{GUEST}/busybox-amd64", "busybox"), f"tests/forks={script}"], check=True)
    text = run(qemu("-m", "192", "-smp", "2", "-nographic", "-no-reboot", "-kernel",
                    need(f"{GUEST}/vmlinuz-amd64", "the amd64 kernel"), "-initrd", initrd,
                    "-append", "console=ttyS0 panic=-1 anykvm.run=forks"), 180)
    expect(text, "^anykvm-exit: 0")
    if "anykvm-bad" in text or "segfault" in text:
        raise Wrong(f"a process went wrong: {text[-600:]}")


def modules(*names):
    """The files of these modules, each after those that it needs."""
    tree = need(f"{GUEST}/modules-amd64/kernel/block", "the kernel's disk modules")
    files, order = {}, []
    for base, _, names_here in os.walk(os.path.dirname(tree)):
        for name in names_here:
            if name.endswith(".ko"):
                files[name[:-3].replace("-", "_")] = os.path.join(base, name)

    def add(name):
        path = files.get(name.replace("-", "_"))
        if not path or path in order:
            return
        with open(path, "rb") as f:
            found = re.search(rb"\0depends=([^\0]*)\0", f.read())
        for other in filter(None, found[1].decode().split(",") if found else ()):
            add(other)
        order.append(path)
    for name in names:
        add(name)
    return order


DISK_PAGES = 512
DISK_SCRIPT = """#!/bin/sh
bb=/bin/busybox
for m in %s; do $bb insmod /modules/$m || exit 4; done
for d in %s; do
	i=0
	while [ ! -b /dev/$d ]; do $bb sleep 0.1; i=$((i + 1)); [ $i -lt 100 ] || exit 3; done
	/tests/disk /dev/$d %d || exit
done
"""


def compile_disk(path):
    p = subprocess.run([os.environ.get("CC", "cc"), "-O2", "-static", "-o", path,
                        os.path.join(TOP, "tests/guest/disk.c")],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if p.returncode:
        raise Wrong(p.stdout.decode(errors="replace"))


def disk_initrd(directory, kos, disks, more="", **scripts):
    """An initrd that reads these disks to their ends and then does more; and their image."""
    texts = {"run": DISK_SCRIPT % (" ".join(map(os.path.basename, kos)), disks, DISK_PAGES) + more,
             **scripts}
    for name, text in texts.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(f.name, 0o755)
    disk, initrd, image = (os.path.join(directory, n) for n in ("disk", "initrd.gz", "disk.img"))
    with open(image, "wb") as f:
        for n in range(DISK_PAGES):  # mov $n, %eax; ret; nop; nop
            f.write((b"\xb8" + n.to_bytes(4, "little") + b"\xc3\x90\x90") * 512)
    if KVM and os.path.exists(f"{GUEST}/disk"):
        disk = f"{GUEST}/disk"
    else:
        compile_disk(disk)
    argv = [os.path.join(TOP, "scripts/mkinitrd"), initrd,
            need(f"{GUEST}/busybox-amd64", "its busybox"), f"tests/disk={disk}",
            *(f"tests/{n}={directory}/{n}" for n in texts),
            *(f"modules/{os.path.basename(k)}={k}" for k in kos)]
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if p.returncode:
        raise Wrong(p.stdout.decode(errors="replace"))
    return initrd, image


def disk_linux(directory):
    """Linux, and its drivers: pages of code come by virtio and by the ATA controller's DMA."""
    kernel = need(f"{GUEST}/vmlinuz-amd64", "the amd64 kernel")
    initrd, image = disk_initrd(directory, modules("virtio_pci", "virtio_blk", "ata_piix", "sd_mod"),
                                "vda sda")
    drives = [word for kind in ("virtio", "ide")
              for word in ("-drive", f"file={image},format=raw,snapshot=on,if={kind}")]
    text = run(qemu("-m", "256", "-smp", "2", "-nographic", "-no-reboot", "-kernel", kernel,
                    "-initrd", initrd, *drives, "-append",
                    "console=ttyS0 panic=-1 anykvm.run=run"), 180)
    expect(text, rf"(?s)anykvm-disk: {DISK_PAGES} .*anykvm-disk: {DISK_PAGES} ", "^anykvm-exit: 0")


PC_SCRIPT = """
$bb ip link set eth0 up
$bb udhcpc -i eth0 -n -q -t 10 -T 2 -s /tests/lease || exit 5
$bb ping -c 2 -w 20 10.0.2.2 || exit 6
"""

LEASE = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip addr add $ip/$mask dev $interface
echo "anykvm-lease: $ip"
"""


def anykvm_pc(directory):
    """Our own PC: pages of code by the ATA controller's DMA, an address by DHCP through an e1000."""
    kernel = need(f"{GUEST}/vmlinuz-amd64", "the amd64 kernel")
    initrd, image = disk_initrd(directory, modules("ata_piix", "sd_mod", "e1000"), "sda", PC_SCRIPT,
                                lease=LEASE)
    text = run(anykvm("-m", "256", "-nodefaults", "-vga", "none", "-nographic", "-no-reboot",
                      "-kernel", kernel, "-initrd", initrd, "-drive",
                      f"file={image},format=raw,snapshot=on,if=ide", "-netdev", "user,id=n",
                      "-device", "e1000,netdev=n,romfile=", "-append",
                      "console=ttyS0 panic=-1 anykvm.run=run"), 180)
    expect(text, f"anykvm-disk: {DISK_PAGES} ", r"^anykvm-lease: 10\.0\.2\.15", "^anykvm-exit: 0")


NET_SCRIPT = """#!/bin/sh
bb=/bin/busybox
for m in %s; do $bb insmod /modules/$m || exit 4; done
$bb ip addr add 10.0.2.15/24 dev eth0 && $bb ip link set eth0 up || exit 3
$bb tftp -g -r file -l /tmp/file -b 1400 10.0.2.2 && echo "anykvm-sum: $($bb md5sum < /tmp/file)"
"""


def net_linux(directory):
    """A file comes over the network, some hundred packets each way."""
    kos = modules("virtio_pci", "virtio_net")
    script, initrd, served = (os.path.join(directory, n) for n in ("run", "initrd.gz", "served"))
    with open(script, "w", encoding="utf-8") as f:
        f.write(NET_SCRIPT % " ".join(map(os.path.basename, kos)))
    os.chmod(script, 0o755)
    os.mkdir(served)
    data = b"".join(n.to_bytes(4, "little") for n in range(100000))
    with open(os.path.join(served, "file"), "wb") as f:
        f.write(data)
    subprocess.run([os.path.join(TOP, "scripts/mkinitrd"), initrd,
                    need(f"{GUEST}/busybox-amd64", "busybox"), f"tests/run={script}",
                    *(f"modules/{os.path.basename(k)}={k}" for k in kos)], check=True)
    text = run(qemu("-m", "256", "-smp", "2", "-nographic", "-no-reboot", "-kernel",
                    need(f"{GUEST}/vmlinuz-amd64", "the amd64 kernel"), "-initrd", initrd,
                    "-netdev", f"user,id=n,tftp={served}", "-device",
                    "virtio-net-pci,netdev=n,romfile=", "-append",
                    "console=ttyS0 panic=-1 anykvm.run=run"), 180)
    expect(text, rf"^anykvm-sum: {hashlib.md5(data).hexdigest()}", "^anykvm-exit: 0")


ROWS = {
    "anykvm-amd64": anykvm_amd64,
    "anykvm-amd64-smp": anykvm_amd64_smp,
    "anykvm-686": anykvm_686,
    "anykvm-grub": anykvm_grub,
    "anykvm-pc": anykvm_pc,
    "anykvm-686-smp": anykvm_686_smp,
    "qemu-amd64": qemu_amd64,
    "qemu-amd64-smp": qemu_amd64_smp,
    "qemu-686": qemu_686,
    "qemu-686-smp": qemu_686_smp,
    "qemu-irqchip-split": qemu_split,
    "qemu-irqchip-off": qemu_off,
    "qemu-q35": qemu_q35,
    "qemu-default-cpu": qemu_default,
    "qemu-user": qemu_user,
    "qemu-reboot": qemu_reboot,
    "seabios": seabios,
    "grub-iso": grub,
    "memtest": memtest,
    "self-modifying": self_modifying,
    "dma-into-code": dma_into_code,
    "disk-linux": disk_linux,
    "net-linux": net_linux,
    "forks": forks,
}


def main():
    global TCG, KVM
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-l", action="store_true")
    ap.add_argument("--tcg", action="store_true")
    ap.add_argument("--kvm", action="store_true")
    ap.add_argument("rows", nargs="*")
    args = ap.parse_args()
    TCG, KVM = args.tcg, args.kvm
    names = [n for n in ROWS if not args.rows or n in args.rows]
    if args.l:
        print("\n".join(names))
        return 0
    failed = 0
    print(f"1..{len(names)}")
    for number, name in enumerate(names, 1):
        row = ROWS[name]
        start = time.monotonic()
        try:
            if row.__code__.co_argcount:
                with tempfile.TemporaryDirectory(prefix="anykvm-guest.") as directory:
                    row(directory)
            else:
                row()
            print(f"ok {number} - {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Skip as e:
            print(f"ok {number} - {name} # SKIP {e}", flush=True)
        except Wrong as e:
            failed += 1
            for line in str(e).splitlines():
                print("# " + line)
            print(f"not ok {number} - {name}", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
