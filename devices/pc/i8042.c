// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keyboard controller: Intel 8042 as in the PC AT (IBM PC AT Technical Reference, keyboard section).
 *
 * The controller is whole as far as commands to itself go: self test, its command byte, the output
 * port with the A20 gate and the reset line. No keyboard and no mouse hang on it, so a byte sent
 * to one is answered by the controller with the timeout that an unplugged line gives.
 */
#include "host/bus/bus.h"

#define STATUS_OBF	0x01	/* output buffer full */
#define STATUS_SYS	0x04	/* self test passed */
#define STATUS_CMD	0x08	/* last write went to port 64h */
#define STATUS_UNLOCKED	0x10
#define STATUS_AUX	0x20	/* the byte is the mouse's */
#define STATUS_TIMEOUT	0x40

#define CCB_KBD_IRQ	0x01
#define CCB_SYS		0x04
#define CCB_KBD_OFF	0x10
#define CCB_AUX_OFF	0x20

#define OUTPUT_NO_RESET	0x01
#define OUTPUT_A20	0x02

#define NO_ANSWER	0xfe	/* "resend": what a dead line reads as */

enum { REGION_DATA, REGION_COMMAND };

struct i8042 {
	struct device dev;
	uint8_t status, data, ccb, output;
	uint8_t command;	/* that waits for its data byte, or 0 */
};

static void answer(struct i8042 *k, uint8_t val)
{
	k->data = val;
	k->status |= STATUS_OBF;
}

static uint64_t data_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct i8042 *k = (struct i8042 *)dev;

	(void)off;
	(void)size;
	k->status &= (uint8_t)~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	device_set_irq(dev, 0, false);
	return k->data;
}

static void set_output(struct i8042 *k, uint8_t val)
{
	k->output = val;
	if (!(val & OUTPUT_NO_RESET))
		device_request(&k->dev, MACHINE_RESET, "i8042 output port");
}

static void data_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val64)
{
	struct i8042 *k = (struct i8042 *)dev;
	uint8_t val = (uint8_t)val64, command = k->command;

	(void)off;
	(void)size;
	k->command = 0;
	k->status &= (uint8_t)~STATUS_CMD;
	switch (command) {
	case 0x60:
		k->ccb = val;
		break;
	case 0xd1:
		set_output(k, val);
		break;
	case 0xd2:	/* as if the keyboard had sent it */
	case 0xd3:
		answer(k, val);
		if (command == 0xd3)
			k->status |= STATUS_AUX;
		break;
	case 0xd4:
		answer(k, NO_ANSWER);
		k->status |= STATUS_AUX | STATUS_TIMEOUT;
		break;
	default:
		answer(k, NO_ANSWER);
		k->status |= STATUS_TIMEOUT;
		if (k->ccb & CCB_KBD_IRQ)
			device_set_irq(dev, 0, true);
		break;
	}
}

static uint64_t status_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct i8042 *k = (struct i8042 *)dev;

	(void)off;
	(void)size;
	return k->status;
}

static void command_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val64)
{
	struct i8042 *k = (struct i8042 *)dev;
	uint8_t val = (uint8_t)val64;

	(void)off;
	(void)size;
	k->status |= STATUS_CMD;
	k->command = 0;
	switch (val) {
	case 0x20:
		answer(k, k->ccb);
		break;
	case 0x60: case 0xd1: case 0xd2: case 0xd3: case 0xd4:
		k->command = val;
		break;
	case 0xa7:
		k->ccb |= CCB_AUX_OFF;
		break;
	case 0xa8:
		k->ccb &= (uint8_t)~CCB_AUX_OFF;
		break;
	case 0xa9:	/* mouse line test: not there */
		answer(k, 0x01);
		break;
	case 0xaa:
		k->status |= STATUS_SYS;
		answer(k, 0x55);
		break;
	case 0xab:
		answer(k, 0x00);
		break;
	case 0xad:
		k->ccb |= CCB_KBD_OFF;
		break;
	case 0xae:
		k->ccb &= (uint8_t)~CCB_KBD_OFF;
		break;
	case 0xd0:
		answer(k, k->output);
		break;
	default:
		/* F0h..FFh pulse the output lines whose bits are 0; line 0 is the reset. */
		if (val >= 0xf0 && !(val & OUTPUT_NO_RESET))
			device_request(dev, MACHINE_RESET, "i8042 reset line");
		break;
	}
}

static void i8042_reset(struct device *dev)
{
	struct i8042 *k = (struct i8042 *)dev;

	k->status = STATUS_SYS | STATUS_UNLOCKED;
	k->data = 0;
	k->ccb = CCB_SYS;
	k->output = OUTPUT_NO_RESET | OUTPUT_A20;
	k->command = 0;
	device_set_irq(dev, 0, false);
}

static const struct device_region i8042_regions[] = {
	[REGION_DATA] = { "data", BUS_PORT, 1, 1, data_read, data_write },
	[REGION_COMMAND] = { "command", BUS_PORT, 1, 1, status_read, command_write },
};

static const struct device_class i8042 = {
	.name = "i8042",
	.what = "keyboard controller (8042), nothing plugged in",
	.size = sizeof(struct i8042),
	.regions = i8042_regions,
	.nr_regions = ARRAY_SIZE(i8042_regions),
	.nr_irqs = 1,
	.reset = i8042_reset,
};
DEVICE_REGISTER(i8042);
