// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keyboard controller: Intel 8042 as in the PS/2 (IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard/Auxiliary Device Controller"), with a keyboard and a mouse on its two lines.
 *
 * One output buffer serves both lines and the controller's own answers. A byte comes into it when
 * it is empty and the line's clock runs; the answers come first, then the keyboard. Interrupt lines
 * stay up while their byte waits.
 */
#include "devices/input/ps2.h"

#define STATUS_OBF	0x01	/* output buffer full */
#define STATUS_SYS	0x04	/* self test passed */
#define STATUS_CMD	0x08	/* last write went to port 64h */
#define STATUS_UNLOCKED	0x10
#define STATUS_AUX	0x20	/* the byte is the mouse's */

#define CCB_KBD_IRQ	0x01
#define CCB_AUX_IRQ	0x02
#define CCB_SYS		0x04
#define CCB_KBD_OFF	0x10
#define CCB_AUX_OFF	0x20
#define CCB_TRANSLATE	0x40

#define OUTPUT_NO_RESET	0x01
#define OUTPUT_A20	0x02

#define ANSWERS 4u

enum { REGION_DATA, REGION_COMMAND };
enum { IRQ_KEYBOARD, IRQ_MOUSE };

struct i8042 {
	struct device dev;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	uint8_t status, data, ccb, output;
	uint8_t ram[32];	/* the controller's own; byte 0 is the command byte, kept in ccb */
	uint8_t command;	/* that waits for its data byte, or 0 */
	bool break_code;	/* F0 has come: the next code of set 2 is a release */
	struct { uint8_t byte; bool aux; } answer[ANSWERS];
	unsigned int nr_answers;
	uint8_t to_set1[256];
};

/* --- to the guest --- */

/* Set 2 as set 1: what is a release in two bytes becomes bit 7 of one. 0: nothing to tell yet. */
static bool translate(struct i8042 *k, uint8_t *byte)
{
	if (!(k->ccb & CCB_TRANSLATE))
		return true;
	if (*byte == 0xf0) {
		k->break_code = true;
		return false;
	}
	/* Answers of the keyboard are above all codes, and stay what they are. */
	if (k->to_set1[*byte])
		*byte = (uint8_t)(k->to_set1[*byte] | (k->break_code ? 0x80 : 0));
	k->break_code = false;
	return true;
}

static bool next_byte(struct i8042 *k, uint8_t *byte, bool *aux)
{
	unsigned int i;

	if (k->nr_answers) {
		*byte = k->answer[0].byte;
		*aux = k->answer[0].aux;
		k->nr_answers--;
		for (i = 0; i < k->nr_answers; i++)
			k->answer[i] = k->answer[i + 1];
		return true;
	}
	while (!(k->ccb & CCB_KBD_OFF) && ps2_waits(&k->keyboard.line)) {
		*byte = ps2_take(&k->keyboard.line);
		*aux = false;
		if (translate(k, byte))
			return true;
	}
	if (!(k->ccb & CCB_AUX_OFF) && ps2_waits(&k->mouse.line)) {
		*byte = ps2_take(&k->mouse.line);
		*aux = true;
		return true;
	}
	return false;
}

static void update(struct i8042 *k)
{
	bool aux, full;

	if (!(k->status & STATUS_OBF) && next_byte(k, &k->data, &aux)) {
		k->status |= STATUS_OBF;
		k->status = (uint8_t)(aux ? k->status | STATUS_AUX : k->status & ~STATUS_AUX);
	}
	full = k->status & STATUS_OBF;
	aux = k->status & STATUS_AUX;
	device_set_irq(&k->dev, IRQ_KEYBOARD, full && !aux && k->ccb & CCB_KBD_IRQ);
	device_set_irq(&k->dev, IRQ_MOUSE, full && aux && k->ccb & CCB_AUX_IRQ);
}

static void line_ready(void *arg)
{
	update(arg);
}

static void answer(struct i8042 *k, uint8_t byte, bool aux)
{
	if (k->nr_answers < ANSWERS) {
		k->answer[k->nr_answers].byte = byte;
		k->answer[k->nr_answers++].aux = aux;
	}
}

static uint64_t data_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct i8042 *k = (struct i8042 *)dev;
	uint8_t val = k->data;

	(void)off;
	(void)size;
	if (!(k->status & STATUS_OBF))
		return val;
	/* The lines go down between two bytes: each is an edge of its own. */
	k->status &= (uint8_t)~STATUS_OBF;
	device_set_irq(dev, IRQ_KEYBOARD, false);
	device_set_irq(dev, IRQ_MOUSE, false);
	ps2_mouse_room(&k->mouse);
	update(k);
	return val;
}

static uint64_t status_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ((struct i8042 *)dev)->status;
}

/* --- from the guest --- */

static void set_output(struct i8042 *k, uint8_t val)
{
	k->output = val;
	if (!(val & OUTPUT_NO_RESET))
		device_request(&k->dev, MACHINE_RESET, "i8042 output port");
}

static void set_ccb(struct i8042 *k, uint8_t val)
{
	k->ccb = val;
	k->status = (uint8_t)((k->status & ~STATUS_SYS) | (val & CCB_SYS));
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
	case 0:
		/* A write to the keyboard starts its clock. */
		k->ccb &= (uint8_t)~CCB_KBD_OFF;
		k->break_code = false;
		ps2_keyboard_write(&k->keyboard, val);
		break;
	case 0x60:
		set_ccb(k, val);
		break;
	case 0xd1:
		set_output(k, val);
		break;
	case 0xd2: case 0xd3:	/* as if the keyboard, the mouse had sent it */
		answer(k, val, command == 0xd3);
		break;
	case 0xd4:
		k->ccb &= (uint8_t)~CCB_AUX_OFF;
		ps2_mouse_write(&k->mouse, val);
		break;
	default:	/* 61h to 7Fh: a byte of its memory */
		k->ram[command & 0x1f] = val;
		break;
	}
	update(k);
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
	case 0x20 ... 0x3f:
		answer(k, val == 0x20 ? k->ccb : k->ram[val & 0x1f], false);
		break;
	case 0x60 ... 0x7f: case 0xd1: case 0xd2: case 0xd3: case 0xd4:
		k->command = val;
		break;
	case 0xa7:
		k->ccb |= CCB_AUX_OFF;
		break;
	case 0xa8:
		k->ccb &= (uint8_t)~CCB_AUX_OFF;
		break;
	case 0xa9:	/* both lines pass their tests */
	case 0xab:
		answer(k, 0x00, false);
		break;
	case 0xaa:
		set_ccb(k, k->ccb | CCB_SYS | CCB_KBD_OFF | CCB_AUX_OFF);
		answer(k, 0x55, false);
		break;
	case 0xad:
		k->ccb |= CCB_KBD_OFF;
		break;
	case 0xae:
		k->ccb &= (uint8_t)~CCB_KBD_OFF;
		break;
	case 0xc0:	/* input port: not locked, a colour display, no jumper set */
		answer(k, 0x80, false);
		break;
	case 0xd0:
		answer(k, k->output, false);
		break;
	default:
		/* F0h..FFh pulse the output lines whose bits are 0; line 0 is the reset. */
		if (val >= 0xf0 && !(val & OUTPUT_NO_RESET))
			device_request(dev, MACHINE_RESET, "i8042 reset line");
		break;
	}
	update(k);
}

/* --- life --- */

static void i8042_reset(struct device *dev)
{
	struct i8042 *k = (struct i8042 *)dev;

	k->status = STATUS_SYS | STATUS_UNLOCKED;
	k->data = 0;
	k->ccb = CCB_SYS | CCB_TRANSLATE;
	k->output = OUTPUT_NO_RESET | OUTPUT_A20;
	k->command = 0;
	k->nr_answers = 0;
	k->break_code = false;
	ps2_keyboard_reset(&k->keyboard);
	ps2_mouse_reset(&k->mouse);
	update(k);
}

static const char *i8042_realize(struct device *dev)
{
	struct i8042 *k = (struct i8042 *)dev;
	const struct input_key *key = NULL;

	while ((key = input_key_next(key)))
		if (key->set2 < 0x100)
			k->to_set1[key->set2] = (uint8_t)key->set1;
	/* Keys that exist with E0 only, and the shifts around Print Screen, have the same second byte. */
	while ((key = input_key_next(key)))
		if ((key->set2 & 0xff00) == 0xe000 && !k->to_set1[key->set2 & 0xff])
			k->to_set1[key->set2 & 0xff] = (uint8_t)key->set1;
	ps2_keyboard_init(&k->keyboard, line_ready, k);
	ps2_mouse_init(&k->mouse, line_ready, k);
	return NULL;
}

static void i8042_unrealize(struct device *dev)
{
	struct i8042 *k = (struct i8042 *)dev;

	ps2_keyboard_end(&k->keyboard);
	ps2_mouse_end(&k->mouse);
}

static const struct device_region i8042_regions[] = {
	[REGION_DATA] = { "data", BUS_PORT, 1, 1, data_read, data_write },
	[REGION_COMMAND] = { "command", BUS_PORT, 1, 1, status_read, command_write },
};

static const struct device_class i8042 = {
	.name = "i8042",
	.what = "keyboard controller with keyboard and wheel mouse",
	.sheet = "IBM PS/2 Hardware Interface Technical Reference; Intel 8042",
	.missing = "A20 masks nothing; parity and timeout errors do not happen; typematic and sample rates are the host's",
	.size = sizeof(struct i8042),
	.regions = i8042_regions,
	.nr_regions = ARRAY_SIZE(i8042_regions),
	.nr_irqs = 2,
	.realize = i8042_realize,
	.reset = i8042_reset,
	.unrealize = i8042_unrealize,
};
DEVICE_REGISTER(i8042);
