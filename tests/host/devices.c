// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The PC's devices, held against their data sheets: each stands alone on a bus, the clock is the
 * test's, and what the machine would do (interrupts, resets) is written down.
 */
#include <time.h>

#include "devices/pc/rtc.h"
#include "tests/host/world.h"

/* --- UART --- */

#define COM 0x3f8

static struct chardev line;

static void make_uart(void)
{
	struct device *dev;

	fresh();
	memset(&line, 0, sizeof(line));
	dev = device_create(bus, "uart16550");
	device_set_ptr(dev, "chardev", &line);
	device_realize(dev);
	device_map(dev, 0, COM);
	device_connect_irq(dev, 0, 4);
}

static void receive(const char *text)
{
	line.user->input(line.arg, (const uint8_t *)text, (unsigned int)strlen(text));
}

static void uart_polled(void)
{
	make_uart();
	ok(inb(COM + 5) == 0x60, "uart: transmitter empty at power-on");
	ok(inb(COM + 2) == 0x01, "uart: no interrupt pending, no FIFO");
	ok((inb(COM + 6) & 0xf0) == 0xb0, "uart: a peer is there (CTS DSR DCD)");
	outb(COM, 'A');
	ok(line.len == 1 && line.out[0] == 'A' && inb(COM + 5) == 0x60, "uart: a byte goes out");
	receive("x");
	ok((inb(COM + 5) & 1) && inb(COM) == 'x' && !(inb(COM + 5) & 1), "uart: a byte comes in");
	outb(COM + 7, 0x5a);
	ok(inb(COM + 7) == 0x5a, "uart: scratch register");
	outb(COM + 3, 0x83);
	outb(COM, 0x01);
	outb(COM + 1, 0x02);
	ok(inb(COM) == 1 && inb(COM + 1) == 2 && line.len == 1, "uart: divisor behind DLAB");
	outb(COM + 3, 0x03);
	ok(inb(COM + 1) == 0, "uart: IER is another register than the divisor");
	receive("a");
	receive("b");
	ok(inb(COM + 5) & 2, "uart: overrun of the holding register is told");
	ok(!(inb(COM + 5) & 2), "uart: and cleared by reading LSR");
	ok(inb(COM) == 'b', "uart: the later byte is in the holding register");
}

static void uart_interrupts(void)
{
	make_uart();
	outb(COM + 1, 0x02);
	ok(!gsi_level[4], "uart: OUT2 closed, no interrupt");
	outb(COM + 4, 0x08);
	ok(gsi_level[4], "uart: THRE interrupt when enabled while empty");
	ok(inb(COM + 2) == 0x02 && !gsi_level[4], "uart: reading IIR takes it back");
	outb(COM, 'x');
	ok(gsi_level[4], "uart: the next byte raises it again");
	outb(COM + 1, 0x01);
	ok(!gsi_level[4], "uart: disabled, no line");
	receive("q");
	ok(gsi_level[4] && inb(COM + 2) == 0x04, "uart: receive interrupt");
	inb(COM);
	ok(!gsi_level[4], "uart: gone when the byte is read");
	outb(COM + 1, 0x0f);
	inb(COM + 2);
	outb(COM + 4, 0x0a);
	line.full = true;
	outb(COM, 'y');
	ok(!(inb(COM + 5) & 0x20) && !gsi_level[4], "uart: a full line keeps THR full");
	line.full = false;
	line.user->writable(line.arg);
	ok((inb(COM + 5) & 0x20) && gsi_level[4] && line.out[line.len - 1] == 'y',
	   "uart: and lets go when it drains");
}

static void uart_fifo(void)
{
	unsigned int i;

	make_uart();
	outb(COM + 2, 0x81);	/* FIFO on, trigger at 8 */
	outb(COM + 1, 0x01);
	outb(COM + 4, 0x08);
	ok((inb(COM + 2) & 0xc0) == 0xc0, "uart: IIR shows the FIFO");
	ok(line.user->room(line.arg) == 16, "uart: room for sixteen");
	receive("1234567");
	ok(!gsi_level[4], "uart: below the trigger no interrupt yet");
	pass(400000);
	ok(gsi_level[4] && inb(COM + 2) == 0xcc, "uart: character timeout");
	inb(COM);
	ok(!gsi_level[4], "uart: a read takes the timeout back");
	receive("89");
	ok(gsi_level[4] && inb(COM + 2) == 0xc4, "uart: trigger reached");
	for (i = 0; i < 8; i++)
		ok(inb(COM) == '2' + i, "uart: in order");
	ok(!(inb(COM + 5) & 1), "uart: FIFO empty");
	receive("0123456789abcdef");
	ok(line.user->room(line.arg) == 0 && !(inb(COM + 5) & 2), "uart: sixteen fit");
	receive("g");
	ok(inb(COM + 5) & 2, "uart: the seventeenth is an overrun");
	outb(COM + 2, 0x83);
	ok(!(inb(COM + 5) & 1) && line.user->room(line.arg) == 16, "uart: receiver FIFO reset");
}

static void uart_loopback(void)
{
	make_uart();
	outb(COM + 4, 0x1a);	/* loop, OUT2, RTS */
	ok((inb(COM + 6) & 0xf0) == 0x90, "uart: loopback turns RTS and OUT2 into CTS and DCD");
	outb(COM, 0xae);
	ok((inb(COM + 5) & 1) && inb(COM) == 0xae && line.len == 0, "uart: loopback of data");
	ok(line.user->room(line.arg) == 0, "uart: the line is cut off meanwhile");
	outb(COM + 4, 0x1f);
	outb(COM + 4, 0x10);
	ok((inb(COM + 6) & 0x0f) == 0x0f, "uart: all four deltas");
	ok((inb(COM + 6) & 0x0f) == 0, "uart: cleared by reading MSR");
	outb(COM + 4, 0);
	outb(COM + 1, 0x08);
	outb(COM + 4, 0x08);
	ok(gsi_level[4] && inb(COM + 2) == 0x00, "uart: modem status interrupt");
}

static void shared_line(void)
{
	struct device *a, *b;
	static struct chardev ca, cb;

	fresh();
	memset(&ca, 0, sizeof(ca));
	memset(&cb, 0, sizeof(cb));
	a = device_create(bus, "uart16550");
	b = device_create(bus, "uart16550");
	device_set_ptr(a, "chardev", &ca);
	device_set_ptr(b, "chardev", &cb);
	device_realize(a);
	device_realize(b);
	device_map(a, 0, 0x3f8);
	device_map(b, 0, 0x3e8);
	device_connect_irq(a, 0, 4);
	device_connect_irq(b, 0, 4);
	outb(0x3fc, 8);
	outb(0x3ec, 8);
	outb(0x3f9, 2);
	outb(0x3e9, 2);
	ok(gsi_level[4] && gsi_edges[4] == 1, "bus: two devices hold one line");
	inb(0x3fa);
	ok(gsi_level[4], "bus: one lets go, the line stays up");
	inb(0x3ea);
	ok(!gsi_level[4], "bus: both have let go");
	bus_reset(bus);
	ok(inb(0x3f9) == 0, "bus: reset reaches the devices");
}

/* --- bus --- */

static void bus_rules(void)
{
	struct device *dev;

	fresh();
	dev = device_create(bus, "port92");
	device_realize(dev);
	device_map(dev, 0, 0x92);
	ok(in(0x5555, 4) == 0xffffffff, "bus: nothing there reads as ones");
	outb(0x92, 0x02);
	ok(requested == MACHINE_RUN && inb(0x92) == 2, "reset: port 92h holds A20");
	outb(0x92, 0x03);
	ok(requested == MACHINE_RESET, "reset: port 92h resets");
}

/* --- RTC --- */

static uint8_t cmos(uint8_t at)
{
	outb(0x70, at);
	return inb(0x71);
}

static void set_cmos(uint8_t at, uint8_t val)
{
	outb(0x70, at);
	outb(0x71, val);
}

static void make_rtc_with(enum rtc_clock clock, int64_t ahead)
{
	/* 2026-03-01 13:59:58.9, a Sunday. */
	struct tm tm = { .tm_year = 126, .tm_mon = 2, .tm_mday = 1, .tm_hour = 13, .tm_min = 59,
			 .tm_sec = 58 };
	struct device *dev;

	fresh();
	wall = (int64_t)timegm(&tm) * 1000000000 + 900000000;
	dev = device_create(bus, "rtc");
	rtc_set_clock(dev, clock, ahead);
	device_set_u64(dev, "ram-below-4g", 0xc0000000);
	device_set_u64(dev, "ram-above-4g", 0x140000000);
	device_realize(dev);
	device_map(dev, 0, 0x70);
	device_connect_irq(dev, 0, 8);
}

static void make_rtc(void)
{
	make_rtc_with(RTC_CLOCK_HOST, 0);
}

static void rtc_clocks(void)
{
	make_rtc_with(RTC_CLOCK_HOST, 3600000000000);
	ok(cmos(0) == 0x58 && cmos(4) == 0x14, "rtc: an hour ahead of UTC");
	wall += 60000000000;
	ok(cmos(2) == 0 && cmos(4) == 0x15, "rtc: follows the host's clock when that is set");
	make_rtc_with(RTC_CLOCK_RT, -86400000000000);
	ok(cmos(7) == 0x28 && cmos(8) == 2, "rtc: a day behind, on another clock");
	wall += 60000000000;
	pass(1000000000);
	ok(cmos(0) == 0x59 && cmos(2) == 0x59, "rtc: does not follow the host's clock");
	make_rtc_with(RTC_CLOCK_VM, 0);
	cmos(0x0c);
	set_cmos(0x0b, 0x12);
	clock_stood += 5000000000;
	clock_now += 5000000000;
	ok(cmos(0) == 0x58, "rtc: stands while the guest does not run");
	pass(50000000);
	ok(!gsi_level[8], "rtc: and counts no more than the guest ran");
	pass(60000000);
	ok(gsi_level[8] && (cmos(0x0c) & 0xb0) == 0x90 && cmos(0) == 0x59, "rtc: goes on from there");
}

static void rtc_time(void)
{
	make_rtc();
	ok(cmos(0) == 0x58 && cmos(2) == 0x59 && cmos(4) == 0x13, "rtc: time in BCD");
	ok(cmos(6) == 1 && cmos(7) == 1 && cmos(8) == 3 && cmos(9) == 0x26 && cmos(0x32) == 0x20,
	   "rtc: date");
	ok(cmos(0x0d) == 0x80, "rtc: battery good");
	ok(!(cmos(0x0a) & 0x80), "rtc: no update going on");
	pass(99900000);
	ok(cmos(0x0a) & 0x80, "rtc: UIP just before the second");
	pass(200000);
	ok(!(cmos(0x0a) & 0x80) && cmos(0) == 0x59, "rtc: the second comes");
	pass(1000000000);
	ok(cmos(0) == 0 && cmos(2) == 0 && cmos(4) == 0x14, "rtc: carries");
	set_cmos(0x0b, 0x06);
	ok(cmos(4) == 14, "rtc: binary mode");
	set_cmos(0x0b, 0x00);
	ok(cmos(4) == 0x82, "rtc: 12-hour mode, afternoon");
	set_cmos(0x0b, 0x82);
	set_cmos(0, 0x30);
	set_cmos(4, 0x23);
	pass(5000000000);
	ok(cmos(0) == 0x30 && cmos(4) == 0x23, "rtc: SET holds the clock");
	set_cmos(0x0b, 0x02);
	pass(600000000);
	ok(cmos(0) == 0x31 && cmos(4) == 0x23, "rtc: runs on from what was set");
	ok(cmos(0x15) == 0x80 && cmos(0x16) == 2, "rtc: 640 KiB of base memory");
	ok(cmos(0x34) == 0x00 && cmos(0x35) == 0xbf, "rtc: memory above 16 MiB");
	ok(cmos(0x5b) == 0x00 && cmos(0x5c) == 0x40 && cmos(0x5d) == 0x01, "rtc: memory above 4 GiB");
	set_cmos(0x40, 0xa5);
	bus_reset(bus);
	ok(cmos(0x40) == 0xa5, "rtc: a battery keeps the cells over a reset");
}

static void rtc_interrupts(void)
{
	unsigned int i;

	make_rtc();
	cmos(0x0c);
	set_cmos(0x0b, 0x12);
	pass(50000000);
	ok(!gsi_level[8], "rtc: no update interrupt before its time");
	pass(60000000);
	ok(gsi_level[8] && (cmos(0x0c) & 0xb0) == 0x90 && !gsi_level[8], "rtc: update-ended interrupt");
	pass(1000000000);
	ok(gsi_level[8], "rtc: and the next one");
	cmos(0x0c);
	set_cmos(0x0b, 0x22);
	set_cmos(1, 0x03);
	set_cmos(3, 0x00);
	set_cmos(5, 0xff);
	cmos(0x0c);
	pass(2000000000);
	ok(!gsi_level[8], "rtc: alarm not yet");
	pass(2000000000);
	ok(gsi_level[8] && (cmos(0x0c) & 0xa0) == 0xa0, "rtc: alarm at any hour");
	set_cmos(0x0a, 0x26);
	set_cmos(0x0b, 0x42);
	cmos(0x0c);
	memset(gsi_edges, 0, sizeof(gsi_edges));
	for (i = 0; i < 1000; i++) {
		pass(1000000);
		cmos(0x0c);
	}
	ok(gsi_edges[8] > 950 && gsi_edges[8] <= 1024, "rtc: periodic interrupt at 1024 Hz");
	set_cmos(0x0b, 0x02);
	cmos(0x0c);
	pass(3000000000);
	ok(!gsi_level[8] && (cmos(0x0c) & 0xf0) == 0x50, "rtc: flags without enables, no interrupt");
}

int main(void)
{
	uart_polled();
	uart_interrupts();
	uart_fifo();
	uart_loopback();
	shared_line();
	bus_rules();
	rtc_time();
	rtc_clocks();
	rtc_interrupts();
	return world_end();
}
