/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of this home call in each other beside plat.h and hw.h.
 */
#ifndef ANYKVM_MODULE_H
#define ANYKVM_MODULE_H

#include <linux/types.h>

struct file;
struct va_format;

/* module.c: the parameter: what the device in /dev and the directory in debugfs are called. */
extern char device_name[];

/* device.c: the name in /dev */
int name_take(void);
void name_give_back(void);

/* file.c: ioctl(2) on the device itself: the object is the system's. */
long file_system_ioctl(struct file *f, unsigned int cmd, unsigned long arg);

/* stats.c: the counters of VMs and vCPUs in debugfs. NULL and errors of debugfs are fine. */
struct dentry;
void stats_init(void);
void stats_exit(void);
struct dentry *stats_vm(int fd, void *vm);
struct dentry *stats_vcpu(struct dentry *vm, void *vcpu);
void stats_remove(struct dentry *d);

/* trace.c */
void trace_note(const struct va_format *f);

/* hw-user-msr.c: this processor has the host's MSRs again, and will not call back */
void hw_user_msrs_restore(void);

/* hw-run.c: what of hw.h's needs a beginning and an end */
int hw_run_init(void);
void hw_run_exit(void);

#endif
