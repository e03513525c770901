#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest of 12 MiB in a memory cgroup of 6: its pages go to swap and come back under its hands.
# row: seconds=40 boot=slub_debug=FZ,preempt=full
. tests/module/lib.sh

cg=/sys/fs/cgroup/squeeze
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p $cg
echo 6M > $cg/memory.max
mkswap /dev/vdc >/dev/null
check "there is swap" swapon /dev/vdc
sh -c 'echo $$ > '$cg'/cgroup.procs; exec build/tests/module/squeeze'
check "the guest found every page as it left it" [ $? = 0 ]
pages=$(awk '/^pswpin/ { print $2 }' /proc/vmstat)
echo "# pages that came back from swap: $pages"
check "a good thousand pages came back from swap" [ "$pages" -gt 1000 ]
kills=$(awk '/^oom_kill / { print $2 }' $cg/memory.events)
check "nothing was killed for want of memory" [ "$kills" = 0 ]
# Page tables of the guest are the process's memory: without it none of it is charged.
i=0
while [ "$(cat $cg/memory.current)" -gt 2000000 ] && [ $i -lt 20 ]; do
	sleep 0.5
	i=$((i + 1))
done
check "the memory was given back" [ "$(cat $cg/memory.current)" -lt 2000000 ]
swapoff /dev/vdc
rmdir $cg
done_testing
