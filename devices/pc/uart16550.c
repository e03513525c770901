// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Serial port: the PC16550D UART, after National Semiconductor's data sheet (1995).
 *
 * The line has no speed: a byte written is gone at once, so the transmitter is always empty while
 * the back end takes bytes; when it does not, one byte stays in the transmitter (and up to sixteen
 * in its FIFO) and THRE stays clear until it does. Receiving is exact: FIFO with trigger levels,
 * overrun, the character timeout. Loopback turns the transmitter and the modem outputs round.
 */
#include "host/bus/bus.h"
#include "host/chardev.h"

#define FIFO_SIZE 16u
/* The timeout interrupt comes after four characters' time of silence: at 115200 baud, 8N1. */
#define TIMEOUT_NS 350000ull

enum reg { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, NR_REGS };

#define IER_RX		0x01
#define IER_THRE	0x02
#define IER_LINE	0x04
#define IER_MODEM	0x08

#define IIR_NONE	0x01
#define IIR_MODEM	0x00
#define IIR_THRE	0x02
#define IIR_RX		0x04
#define IIR_LINE	0x06
#define IIR_TIMEOUT	0x0c
#define IIR_FIFO	0xc0

#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define FCR_CLEAR_TX	0x04

#define LCR_BREAK	0x40
#define LCR_DLAB	0x80

#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10

#define LSR_DR		0x01
#define LSR_OE		0x02
#define LSR_ERRORS	0x1e	/* OE PE FE BI: cleared by reading LSR */
#define LSR_BI		0x10
#define LSR_THRE	0x20
#define LSR_TEMT	0x40

#define MSR_DCTS	0x01
#define MSR_DDSR	0x02
#define MSR_TERI	0x04
#define MSR_DDCD	0x08
#define MSR_DELTAS	0x0f
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

struct fifo {
	uint8_t data[FIFO_SIZE];
	unsigned int at, len;
};

struct uart {
	struct device dev;
	struct chardev *chr;
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
	uint8_t dll, dlm;
	bool thre_pending;	/* the THRE interrupt: until IIR is read or THR written */
	bool timeout_pending;
	struct fifo rx, tx;
	struct device_timer timeout;
};

static const uint8_t triggers[4] = { 1, 4, 8, 14 };

static struct uart *to_uart(struct device *dev)
{
	return (struct uart *)dev;
}

static void fifo_put(struct fifo *f, uint8_t byte)
{
	f->data[(f->at + f->len++) % FIFO_SIZE] = byte;
}

static uint8_t fifo_get(struct fifo *f)
{
	uint8_t byte = f->data[f->at];

	f->at = (f->at + 1) % FIFO_SIZE;
	f->len--;
	return byte;
}

/* Without the FIFO there is one holding register. */
static unsigned int depth(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned int trigger(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? triggers[u->fcr >> 6] : 1;
}

/* The highest pending interrupt, in the order of the data sheet's table of priorities. */
static uint8_t pending(const struct uart *u)
{
	if ((u->ier & IER_LINE) && (u->lsr & LSR_ERRORS))
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx.len >= trigger(u))
		return IIR_RX;
	if ((u->ier & IER_RX) && u->timeout_pending)
		return IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	/* On a PC, OUT2 opens the gate between the chip and its interrupt line. */
	bool gate = (u->mcr & MCR_OUT2) && !(u->mcr & MCR_LOOP);

	device_set_irq(&u->dev, 0, gate && pending(u) != IIR_NONE);
}

/* --- receiver --- */

static void timed_out(void *arg)
{
	struct uart *u = arg;

	if (u->rx.len) {
		u->timeout_pending = true;
		update_irq(u);
	}
}

static void restart_timeout(struct uart *u)
{
	u->timeout_pending = false;
	if ((u->fcr & FCR_ENABLE) && u->rx.len && u->rx.len < trigger(u))
		device_timer_set(&u->timeout, device_now() + TIMEOUT_NS);
	else
		device_timer_cancel(&u->timeout);
}

static void receive(struct uart *u, uint8_t byte)
{
	if (u->rx.len >= depth(u)) {
		u->lsr |= LSR_OE;
		if (!(u->fcr & FCR_ENABLE)) {
			/* The holding register is overwritten; in a full FIFO the new byte is lost. */
			fifo_get(&u->rx);
			fifo_put(&u->rx, byte);
		}
	} else {
		fifo_put(&u->rx, byte);
	}
	u->lsr |= LSR_DR;
}

static unsigned int uart_room(void *arg)
{
	const struct uart *u = arg;

	if (u->mcr & MCR_LOOP)
		return 0;	/* the line is cut off from the receiver */
	return depth(u) > u->rx.len ? depth(u) - u->rx.len : 0;
}

static void uart_input(void *arg, const uint8_t *data, unsigned int len)
{
	struct uart *u = arg;

	while (len--)
		receive(u, *data++);
	restart_timeout(u);
	update_irq(u);
}

static void uart_break(void *arg)
{
	struct uart *u = arg;

	receive(u, 0);
	u->lsr |= LSR_BI;
	update_irq(u);
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t byte = 0;

	if (u->rx.len)
		byte = fifo_get(&u->rx);
	if (!u->rx.len)
		u->lsr &= (uint8_t)~LSR_DR;
	restart_timeout(u);
	update_irq(u);
	if (u->chr)
		chardev_input_ready(u->chr);
	return byte;
}

/* --- transmitter --- */

static void drain(struct uart *u)
{
	while (u->tx.len) {
		if (u->mcr & MCR_LOOP) {
			receive(u, fifo_get(&u->tx));
			restart_timeout(u);
		} else if (!u->chr || chardev_write(u->chr, u->tx.data[u->tx.at])) {
			fifo_get(&u->tx);
		} else {
			break;
		}
	}
	if (!u->tx.len && !(u->lsr & LSR_THRE)) {
		u->lsr |= LSR_THRE | LSR_TEMT;
		u->thre_pending = true;
	}
	update_irq(u);
}

static void uart_writable(void *arg)
{
	drain(arg);
}

static void write_thr(struct uart *u, uint8_t byte)
{
	if (u->tx.len == depth(u))
		fifo_get(&u->tx);	/* the guest did not wait for THRE */
	fifo_put(&u->tx, byte);
	u->lsr &= (uint8_t)~(LSR_THRE | LSR_TEMT);
	u->thre_pending = false;
	drain(u);
}

/* --- modem lines --- */

/* The inputs: of a peer that is always there, or in loopback our own outputs. */
static void update_modem(struct uart *u)
{
	uint8_t in = MSR_CTS | MSR_DSR | MSR_DCD, old = u->msr;

	if (u->mcr & MCR_LOOP)
		in = (uint8_t)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
			       (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
	u->msr = (uint8_t)(in | (old & MSR_DELTAS));
	if ((in ^ old) & MSR_CTS)
		u->msr |= MSR_DCTS;
	if ((in ^ old) & MSR_DSR)
		u->msr |= MSR_DDSR;
	if ((old & ~in) & MSR_RI)
		u->msr |= MSR_TERI;
	if ((in ^ old) & MSR_DCD)
		u->msr |= MSR_DDCD;
}

static void write_mcr(struct uart *u, uint8_t val)
{
	u->mcr = val & 0x1f;
	update_modem(u);
	update_irq(u);
	if (u->chr && uart_room(u))
		chardev_input_ready(u->chr);
}

static void write_fcr(struct uart *u, uint8_t val)
{
	/* Turning the FIFOs on or off empties them. */
	if ((val ^ u->fcr) & FCR_ENABLE)
		val |= FCR_CLEAR_RX | FCR_CLEAR_TX;
	if (val & FCR_CLEAR_RX) {
		u->rx.len = 0;
		u->lsr &= (uint8_t)~LSR_DR;
	}
	if ((val & FCR_CLEAR_TX) && u->tx.len) {
		u->tx.len = 0;
		u->lsr |= LSR_THRE | LSR_TEMT;
		u->thre_pending = true;
	}
	u->fcr = val & FCR_ENABLE ? val & 0xc9 : 0;
	restart_timeout(u);
	update_irq(u);
	if (u->chr && uart_room(u))
		chardev_input_ready(u->chr);
}

/* --- registers --- */

static uint64_t uart_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct uart *u = to_uart(dev);
	uint8_t val;

	(void)size;
	switch ((enum reg)off) {
	case RBR_THR:
		return u->lcr & LCR_DLAB ? u->dll : read_rbr(u);
	case IER:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case IIR_FCR:
		val = pending(u);
		if (val == IIR_THRE) {
			u->thre_pending = false;
			update_irq(u);
		}
		return (uint8_t)(val | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0));
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		val = u->lsr;
		u->lsr &= (uint8_t)~LSR_ERRORS;
		update_irq(u);
		return val;
	case MSR:
		val = u->msr;
		u->msr &= (uint8_t)~MSR_DELTAS;
		update_irq(u);
		return val;
	case SCR:
		return u->scr;
	case NR_REGS:
		break;
	}
	return 0xff;
}

static void write_ier(struct uart *u, uint8_t val)
{
	/* Enabling the THRE interrupt while the transmitter is empty raises it. */
	if ((val & ~u->ier & IER_THRE) && (u->lsr & LSR_THRE))
		u->thre_pending = true;
	u->ier = val & 0x0f;
	update_irq(u);
}

static void write_lcr(struct uart *u, uint8_t val)
{
	/* A break sent in loopback comes back as a null byte with BI. */
	if ((val & ~u->lcr & LCR_BREAK) && (u->mcr & MCR_LOOP)) {
		receive(u, 0);
		u->lsr |= LSR_BI;
	}
	u->lcr = val;
	update_irq(u);
}

static void uart_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val64)
{
	struct uart *u = to_uart(dev);
	uint8_t val = (uint8_t)val64;

	(void)size;
	switch ((enum reg)off) {
	case RBR_THR:
		if (u->lcr & LCR_DLAB)
			u->dll = val;
		else
			write_thr(u, val);
		break;
	case IER:
		if (u->lcr & LCR_DLAB)
			u->dlm = val;
		else
			write_ier(u, val);
		break;
	case IIR_FCR:
		write_fcr(u, val);
		break;
	case LCR:
		write_lcr(u, val);
		break;
	case MCR:
		write_mcr(u, val);
		break;
	case SCR:
		u->scr = val;
		break;
	case LSR:	/* for factory tests only */
	case MSR:
	case NR_REGS:
		break;
	}
}

static void uart_reset(struct device *dev)
{
	struct uart *u = to_uart(dev);

	u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
	u->dll = 12;		/* 9600 baud, as a BIOS leaves it; the sheet says undefined */
	u->dlm = 0;
	u->lsr = LSR_THRE | LSR_TEMT;
	u->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	u->thre_pending = u->timeout_pending = false;
	u->rx.len = u->tx.len = 0;
	device_timer_cancel(&u->timeout);
	update_irq(u);
}

static const char *uart_realize(struct device *dev)
{
	static const struct chardev_user user = {
		.room = uart_room, .input = uart_input, .writable = uart_writable,
		.line_break = uart_break,
	};
	struct uart *u = to_uart(dev);

	device_timer_init(&u->timeout, timed_out, u);
	if (u->chr)
		chardev_attach(u->chr, &user, u);
	return NULL;
}

static const struct device_region uart_regions[] = {
	{ "registers", BUS_PORT, NR_REGS, 1, uart_read, uart_write },
};

static const struct device_prop uart_props[] = {
	{ "chardev", PROP_CHARDEV, offsetof(struct uart, chr) },
};

static const struct device_class uart16550 = {
	.name = "uart16550",
	.what = "serial port (PC16550D)",
	.sheet = "National Semiconductor PC16550D, 1995",
	.missing = "the line has no speed, and no parity or framing errors; DMA mode pins",
	.size = sizeof(struct uart),
	.regions = uart_regions,
	.nr_regions = ARRAY_SIZE(uart_regions),
	.nr_irqs = 1,
	.props = uart_props,
	.nr_props = ARRAY_SIZE(uart_props),
	.realize = uart_realize,
	.reset = uart_reset,
};
DEVICE_REGISTER(uart16550);
