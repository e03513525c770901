// SPDX-License-Identifier: GPL-2.0
/*
 * The device in /dev. Another kvm may have the name (and KVM's minor number,
 * which goes with it): then the user is told which, and of the way out.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include "module.h"

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = file_system_ioctl,
	.compat_ioctl = file_system_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.name = device_name,
	.fops = &device_fops,
};

/* Whose code answers there? */
static void say_taken(void)
{
	struct module *owner = NULL;
	char path[48];
	struct file *f;

	snprintf(path, sizeof(path), "/dev/%s", device_name);
	f = filp_open(path, O_RDWR, 0);
	if (!IS_ERR(f))
		owner = f->f_op->owner;
	pr_err("anykvm: %s is taken by %s%s: unload that, or load anykvm with device=NAME\n", path,
	       owner ? "module " : "something else", owner ? owner->name : "");
	if (!IS_ERR(f))
		filp_close(f, NULL);
}

int name_take(void)
{
	int err;

	device.minor = strcmp(device_name, "kvm") ? MISC_DYNAMIC_MINOR : KVM_MINOR;
	err = misc_register(&device);
	if (err != -EBUSY && err != -EEXIST)
		return err;
	say_taken();
	return -EBUSY;
}

void name_give_back(void)
{
	misc_deregister(&device);
}
