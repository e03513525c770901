// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The keyboard controller with its keyboard and mouse, held against IBM's PS/2 reference: what goes
 * through ports 60h and 64h, and what a key or a motion becomes.
 */
#include <linux/input-event-codes.h>

#include "host/input/input.h"
#include "tests/host/world.h"

static void make_controller(void)
{
	struct device *dev;

	fresh();
	dev = make("i8042");
	device_realize(dev);
	device_map(dev, 0, 0x60);
	device_map(dev, 1, 0x64);
	device_connect_irq(dev, 0, 1);
	device_connect_irq(dev, 1, 12);
}

static void set_ccb(uint8_t val)
{
	outb(0x64, 0x60);
	outb(0x60, val);
}

/* All bytes that wait, as hex digits; @aux: each must be the mouse's, or none. */
static const char *drain(bool aux)
{
	static char text[256];
	size_t n = 0;

	text[0] = 0;
	while (inb(0x64) & 1 && n < sizeof(text) - 4) {
		if (!(inb(0x64) & 0x20) != !aux)
			return "of the other line";
		n += (size_t)sprintf(text + n, "%s%02x", n ? " " : "", inb(0x60));
	}
	return text;
}

static void expect(const char *want, bool aux, const char *what)
{
	const char *got = drain(aux);

	if (!ok(!strcmp(got, want), "%s", what))
		printf("# got '%s', not '%s'\n", got, want);
}

static void controller(void)
{
	make_controller();
	ok((inb(0x64) & 3) == 0, "buffers empty");
	outb(0x64, 0xaa);
	expect("55", false, "self test");
	outb(0x64, 0xab);
	expect("00", false, "keyboard line test");
	outb(0x64, 0xa9);
	expect("00", false, "mouse line test");
	set_ccb(0x47);
	outb(0x64, 0x20);
	expect("47", false, "command byte");
	outb(0x64, 0x65);
	outb(0x60, 0x99);
	outb(0x64, 0x25);
	expect("99", false, "a byte of the controller's memory");
	outb(0x64, 0xd2);
	outb(0x60, 0x1e);
	ok(gsi_level[1], "a byte as if from the keyboard interrupts");
	expect("1e", false, "and is read");
	ok(!gsi_level[1], "and the line goes down");
	outb(0x64, 0xd3);
	outb(0x60, 0x42);
	ok(gsi_level[12] && !gsi_level[1], "a byte as if from the mouse has its own interrupt");
	expect("42", true, "and its own mark");
}

static void resets(void)
{
	make_controller();
	outb(0x64, 0xd1);
	outb(0x60, 0x03);
	ok(requested == MACHINE_RUN, "output port without reset");
	outb(0x64, 0xff);
	ok(requested == MACHINE_RUN, "a pulse of nothing");
	outb(0x64, 0xfe);
	ok(requested == MACHINE_RESET, "reset line pulsed");
	requested = MACHINE_RUN;
	outb(0x64, 0xd1);
	outb(0x60, 0x02);
	ok(requested == MACHINE_RESET, "reset by the output port");
}

static void command(uint8_t byte)
{
	outb(0x60, byte);
}

static void keyboard_commands(void)
{
	make_controller();
	set_ccb(0x05);		/* no translation */
	command(0xff);
	expect("fa aa", false, "reset and self test");
	command(0xee);
	expect("ee", false, "echo");
	command(0xf2);
	expect("fa ab 83", false, "identification");
	command(0xed);
	command(0x05);
	expect("fa fa", false, "lights: two acknowledgements");
	ok(input_leds() == 5, "lights are set");
	command(0xf0);
	command(0x00);
	expect("fa fa 02", false, "set 2 at the start");
	command(0xf0);
	command(0x04);
	expect("fa fe", false, "there is no set 4");
	command(0x00);
	expect("fe", false, "no such command");
	command(0xfe);
	expect("fe", false, "resend");
	set_ccb(0x45);
	command(0xf2);
	expect("fa ab 41", false, "identification, translated");
}

static void tap(unsigned int code)
{
	input_press(code, true);
	input_press(code, false);
}

static void keys(void)
{
	make_controller();
	set_ccb(0x45);
	tap(KEY_A);
	expect("1e 9e", false, "A, translated to set 1");
	tap(KEY_UP);
	expect("e0 48 e0 c8", false, "Up, translated");
	tap(KEY_F7);
	expect("41 c1", false, "F7, translated (its code of set 2 is above 7Fh)");
	tap(KEY_PAUSE);
	expect("e1 1d 45 e1 9d c5", false, "Pause, translated");
	tap(KEY_SYSRQ);
	expect("e0 2a e0 37 e0 b7 e0 aa", false, "Print Screen, translated");
	set_ccb(0x05);
	tap(KEY_A);
	expect("1c f0 1c", false, "A in set 2");
	tap(KEY_RIGHTCTRL);
	expect("e0 14 e0 f0 14", false, "right Ctrl in set 2");
	tap(KEY_PAUSE);
	expect("e1 14 77 e1 f0 14 f0 77", false, "Pause in set 2");
	command(0xf0);
	command(0x01);
	drain(false);
	tap(KEY_A);
	expect("1e 9e", false, "A in set 1");
	command(0xf0);
	command(0x03);
	drain(false);
	tap(KEY_A);
	expect("1c", false, "A in set 3: no release");
	tap(KEY_LEFTSHIFT);
	expect("12 f0 12", false, "Shift in set 3: a release");
	command(0xfc);
	command(0x1c);
	command(0xf4);
	drain(false);
	tap(KEY_A);
	expect("1c f0 1c", false, "A in set 3, made to tell of its release");
	command(0xf5);
	drain(false);
	tap(KEY_A);
	expect("", false, "disabled: nothing");
}

static void queue(void)
{
	unsigned int i;

	make_controller();
	set_ccb(0x05);
	for (i = 0; i < 40; i++)
		tap(KEY_B);
	ok(strlen(drain(false)) < 3 * 20, "a full keyboard forgets");
	tap(KEY_B);
	expect("32 f0 32", false, "and goes on afterwards");
	set_ccb(0x15);
	tap(KEY_B);
	ok(!(inb(0x64) & 1), "clock stopped: nothing comes");
	set_ccb(0x05);
	expect("32 f0 32", false, "until it runs again");
	input_press(KEY_C, false);
	expect("", false, "a release of what was not down");
	input_press(KEY_C, true);
	input_release_all();
	expect("21 f0 21", false, "all keys up");
}

static void mouse(uint8_t byte)
{
	outb(0x64, 0xd4);
	outb(0x60, byte);
}

static void mouse_commands(void)
{
	make_controller();
	set_ccb(0x47);
	mouse(0xff);
	expect("fa aa 00", true, "mouse: reset");
	mouse(0xe9);
	expect("fa 00 02 64", true, "mouse: status at the start");
	mouse(0xe8);
	mouse(0x03);
	mouse(0xe7);
	mouse(0xf4);
	drain(true);
	mouse(0xe9);
	expect("fa 30 03 64", true, "mouse: status as set");
	mouse(0xee);
	mouse(0x55);
	expect("fa 55", true, "mouse: wrap mode echoes");
	mouse(0xec);
	expect("fa", true, "mouse: and ends");
	mouse(0x12);
	expect("fe", true, "mouse: no such command");
}

static void knock(uint8_t a, uint8_t b, uint8_t c)
{
	const uint8_t rates[] = { a, b, c };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		mouse(0xf3);
		mouse(rates[i]);
	}
	drain(true);
}

static void motion(void)
{
	make_controller();
	set_ccb(0x47);
	input_move(5, 3, 0, 0);
	expect("", true, "mouse: silent before it is enabled");
	mouse(0xf4);
	drain(true);
	input_move(5, 3, 0, 0);
	ok(gsi_level[12], "mouse: motion interrupts");
	expect("28 05 fd", true, "mouse: right and down");
	input_move(0, 0, 0, INPUT_LEFT | INPUT_RIGHT);
	expect("0b 00 00", true, "mouse: two buttons");
	input_move(-300, 0, 0, 0);
	expect("18 81 00 18 81 00 18 d2 00", true, "mouse: a long way in several packets");
	input_move(0, 0, 1, 0);
	expect("", true, "mouse: no wheel yet");
	knock(200, 100, 80);
	mouse(0xf2);
	expect("fa 03", true, "mouse: the knock for a wheel");
	input_move(0, 0, 1, 0);
	expect("08 00 00 ff", true, "mouse: wheel away from the user");
	knock(200, 200, 80);
	mouse(0xf2);
	expect("fa 04", true, "mouse: the knock for five buttons");
	input_move(1, 0, -1, INPUT_SIDE);
	expect("08 01 00 11", true, "mouse: side button and wheel");
	mouse(0xf0);
	drain(true);
	input_move(2, 0, 0, 0);
	expect("", true, "mouse: remote mode waits to be asked");
	mouse(0xeb);
	expect("fa 08 02 00 00", true, "mouse: and answers");
}

static void names(void)
{
	const struct input_key *k = NULL;
	bool shift, good = true;

	while ((k = input_key_next(k)))
		good = good && input_key_by_name(k->name) == k->code &&
		       input_key_by_set1((k->set1 & 0xff) | (k->set1 & 0x8000 ? 0x80 : 0)) ==
			       (k->code == KEY_PAUSE ? KEY_RIGHTCTRL : k->code);
	ok(good, "every key by its name and by its number");
	ok(input_key_by_keysym('A', &shift) == KEY_A && shift, "keysym A is shift and A");
	ok(input_key_by_keysym('a', &shift) == KEY_A && !shift, "keysym a is A alone");
	ok(input_key_by_keysym('?', &shift) == KEY_SLASH && shift, "keysym ? is shift and slash");
	ok(input_key_by_keysym(0xff0d, &shift) == KEY_ENTER && !shift, "keysym Return");
	ok(input_key_by_keysym(0xff97, &shift) == KEY_KP8 && !shift, "keysym KP_Up");
	ok(!input_key_by_keysym(0x1234, &shift), "a keysym that no key has");
	ok(!input_key_by_name("nokey"), "a name that no key has");
}

int main(void)
{
	controller();
	resets();
	keyboard_commands();
	keys();
	queue();
	mouse_commands();
	motion();
	names();
	return world_end();
}
