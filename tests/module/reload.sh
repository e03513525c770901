#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Loaded, used and unloaded twenty times: what the kernel has allocated does not grow with it.
# row: seconds=40 load=no boot=slub_debug=FZ,preempt=full
. tests/module/lib.sh

# Objects in use in each slab cache, with the pages of page tables and per-CPU memory beside them.
counts() {
	echo 3 > /proc/sys/vm/drop_caches
	sleep 1
	for s in /sys/kernel/slab/*/shrink; do echo 1 > "$s"; done 2>/dev/null
	{
		awk 'NR > 2 { print $1, $2 }' /proc/slabinfo
		awk '/^(PageTables|Percpu|KernelStack):/ { print $1, $2 / 16 }' /proc/meminfo
		# Areas that are freed and wait for the next purge are no one's: the stacks of the last
		# few processes are among them, as many as it happens to be.
		awk '!/unpurged/ { n += $2 } END { print "vmalloc", n / 4096 }' /proc/vmallocinfo
	} | sort
}

rounds() { # N: 0 if all went well
	n=0
	while [ $n -lt "$1" ]; do
		$kvm load && hold || return 1
		release
		i=0
		until $kvm unload 2>/dev/null; do
			i=$((i + 1))
			[ $i -lt 20 ] || return 1
			sleep 0.2
		done
		n=$((n + 1))
	done
}

# The first fill caches that the kernel keeps.
check "four rounds to begin with" rounds 4
counts > /tmp/before
check "sixteen more" rounds 16
counts > /tmp/after
# An object a round is a leak; less comes and goes by itself. Caches of processes and files are
# busy whatever we do: what is ours shows in the others.
awk '
	NR == FNR { before[$1] = $2; next }
	{ seen++ }
	$1 ~ /inode|^(dentry|kernfs_node|proc_|buffer_head|radix_tree|maple_node|vm_area|anon_vma|filp|task_|cred|pid|signal_|sighand|files_|ext4|lsm_|names_cache|bio)/ { next }
	$2 - before[$1] >= 16 { print "# " $1 ": " before[$1] " before, " $2 " after"; bad = 1 }
	END { exit bad || seen < 50 }' /tmp/before /tmp/after
ok $? "nothing grew by an object a round"
ls /sys/kernel/slab | grep -q "^$module"
[ $? != 0 ]
ok $? "no slab cache of the module's is left"
done_testing
