// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Console device: Virtual I/O Device (VIRTIO) Version 1.2, section 5.3: the device itself
 * (virtio-serial) and the ports on it, which are devices of their own (virtconsole, virtserialport).
 *
 * Queues 0 and 1 are port 0's, in and out; 2 and 3 the control queues; 4 and on those of ports 1 and
 * on. A message for the driver is a bit in its port until there is a buffer for it, so that however
 * little the driver reads, nothing grows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtio.h"
#include "host/chardev.h"
#include "host/event.h"

enum { F_SIZE = 0, F_MULTIPORT = 1, F_EMERG_WRITE = 2 };
#define BIT(n) (1ull << (n))

#define MAX_PORTS 31u
#define QUEUE_SIZE 128u
#define CONTROL_IN 2u
#define CONTROL_OUT 3u
/* No driver has more at once: a pipe's largest, spliced. */
#define MAX_OUT (1u << 20)
/* Then the event loop goes on, so that no queue keeps the machine for long. */
#define PORTION (64u << 10)

enum event {
	DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN,
	PORT_NAME, EVENTS
};

struct control {
	uint32_t id;
	uint16_t event, value;
};

struct console_config {
	uint16_t cols, rows;
	uint32_t max_nr_ports, emerg_wr;
};

struct serial;

struct port {
	struct device dev;
	/* Properties. */
	struct chardev *chr;
	const char *name;
	uint64_t nr, cols, rows;
	struct serial *s;
	bool guest_open, host_open;
	unsigned int pending;		/* a bit an event that the driver has not been told */
	struct virtio_chain *in, *out;	/* a buffer to fill; one on its way out, @sent of it gone */
	uint64_t sent;
	struct device_timer more;
};

struct serial {
	struct virtio_dev v;
	uint64_t max_ports;		/* property */
	bool emergency;
	struct port *port[MAX_PORTS];
};

static const struct device_class virtconsole;

static struct serial *to_serial(struct virtio_dev *v)
{
	return (struct serial *)(void *)v;
}

static struct port *to_port(struct device *dev)
{
	return (struct port *)(void *)dev;
}

static unsigned int in_queue(const struct port *p)
{
	return p->nr ? 2 * (unsigned int)p->nr + 2 : 0;
}

static unsigned int out_queue(const struct port *p)
{
	return in_queue(p) + 1;
}

static struct port *port_of(const struct serial *s, unsigned int queue)
{
	return s->port[queue < 2 ? 0 : queue / 2 - 1];
}

/* Without MULTIPORT there is nobody to say that a port is open. */
static bool listening(const struct port *p)
{
	return p->guest_open || !virtio_has(&p->s->v, F_MULTIPORT);
}

/* --- from the guest --- */

static void drain(struct port *p)
{
	struct virtio_dev *v = &p->s->v;
	unsigned int n = out_queue(p), portion = 0;
	uint8_t buf[512];

	while (p->out || (p->out = virtio_next(v, n))) {
		uint64_t len = 0, i;

		if (portion >= PORTION) {
			device_timer_set(&p->more, device_now());
			break;
		}
		if (p->out->out_len > MAX_OUT)
			virtio_break(v, "too many bytes at once");
		else if (p->chr)
			len = virtio_read(v, p->out, p->sent, buf, sizeof(buf));
		for (i = 0; i < len; i++)
			if (!chardev_write(p->chr, buf[i]))
				break;
		p->sent += i;
		portion += (unsigned int)i;
		if (i < len)
			break;		/* writable() goes on */
		if (len)
			continue;
		virtio_done(v, n, p->out, 0);
		p->out = NULL;
		p->sent = 0;
	}
	virtio_notify(v, n);
}

static void out_notified(struct virtio_dev *v, unsigned int n)
{
	struct port *p = port_of(to_serial(v), n);
	struct virtio_chain *c;

	if (p) {
		drain(p);
		return;
	}
	/* A port that is none swallows everything. */
	while ((c = virtio_next(v, n)))
		virtio_done(v, n, c, 0);
	virtio_notify(v, n);
}

/* Of the back end, and of the timer after a portion. */
static void port_writable(void *arg)
{
	drain(arg);
}

/* --- to the guest --- */

static unsigned int port_room(void *arg)
{
	struct port *p = arg;

	if (!listening(p))
		return 0;
	if (!p->in)
		p->in = virtio_next(&p->s->v, in_queue(p));
	if (!p->in)
		return 0;
	return p->in->in_len < 4096 ? (unsigned int)p->in->in_len : 4096;
}

static void port_input(void *arg, const uint8_t *data, unsigned int len)
{
	struct port *p = arg;
	struct virtio_dev *v = &p->s->v;

	while (len && port_room(p)) {
		uint64_t n = virtio_write(v, p->in, 0, data, len);

		virtio_done(v, in_queue(p), p->in, (uint32_t)n);
		p->in = NULL;
		if (!n)
			break;		/* reset meanwhile: the bytes are lost with it */
		data += n;
		len -= (unsigned int)n;
	}
	virtio_notify(v, in_queue(p));
}

static void in_notified(struct virtio_dev *v, unsigned int n)
{
	struct port *p = port_of(to_serial(v), n);

	if (p && p->chr && port_room(p))
		chardev_input_ready(p->chr);
}

/* --- the control queues --- */

static uint16_t value(const struct port *p, enum event e)
{
	return e == PORT_OPEN ? p->host_open : 1;
}

/* One message into one buffer. */
static void tell(struct virtio_dev *v, const struct port *p, enum event e, struct virtio_chain *c)
{
	const struct control ctl = { (uint32_t)p->nr, (uint16_t)e, value(p, e) };
	uint16_t size[2] = { (uint16_t)p->cols, (uint16_t)p->rows };
	uint64_t len = virtio_write(v, c, 0, &ctl, sizeof(ctl));

	if (e == PORT_NAME)
		len += virtio_write(v, c, sizeof(ctl), p->name, strlen(p->name));
	else if (e == RESIZE)
		len += virtio_write(v, c, sizeof(ctl), size, sizeof(size));
	virtio_done(v, CONTROL_IN, c, (uint32_t)len);
}

static void flush_port(struct virtio_dev *v, struct port *p)
{
	struct virtio_chain *c;
	unsigned int e;

	for (e = 0; e < EVENTS; e++) {
		if (!(p->pending >> e & 1))
			continue;
		c = virtio_next(v, CONTROL_IN);
		if (!c)
			return;
		p->pending &= ~(1u << e);
		tell(v, p, (enum event)e, c);
	}
}

static void flush(struct virtio_dev *v, unsigned int queue)
{
	struct serial *s = to_serial(v);
	unsigned int i;

	for (i = 0; i < s->max_ports; i++)
		if (s->port[i])
			flush_port(v, s->port[i]);
	virtio_notify(v, queue);
}

static void pend(struct port *p, enum event e)
{
	p->pending |= 1u << e;
}

static void port_ready(struct port *p)
{
	if (p->dev.cls == &virtconsole) {
		pend(p, CONSOLE_PORT);
		if (p->cols && p->rows && virtio_has(&p->s->v, F_SIZE))
			pend(p, RESIZE);
	}
	if (p->name)
		pend(p, PORT_NAME);
	pend(p, PORT_OPEN);
}

static void set_guest_open(struct port *p, bool on)
{
	if (p->guest_open == on)
		return;
	p->guest_open = on;
	if (p->dev.id)
		event_send("VSERPORT_CHANGE", EVENT_STR("id", p->dev.id), EVENT_BOOL("open", on));
}

static void heard(struct serial *s, const struct control *ctl)
{
	struct port *p = ctl->id < s->max_ports ? s->port[ctl->id] : NULL;
	unsigned int i;

	if (ctl->event == DEVICE_READY) {
		for (i = 0; i < s->max_ports && ctl->value; i++)
			if (s->port[i])
				pend(s->port[i], DEVICE_ADD);
	} else if (p && ctl->event == PORT_READY && ctl->value) {
		port_ready(p);
	} else if (p && ctl->event == PORT_OPEN) {
		set_guest_open(p, ctl->value);
		if (p->chr && port_room(p))
			chardev_input_ready(p->chr);
	}
}

static void control_out(struct virtio_dev *v, unsigned int n)
{
	struct virtio_chain *c;
	struct control ctl;

	while ((c = virtio_next(v, n))) {
		if (virtio_read(v, c, 0, &ctl, sizeof(ctl)) == sizeof(ctl))
			heard(to_serial(v), &ctl);
		virtio_done(v, n, c, 0);
	}
	virtio_notify(v, n);
	flush(v, CONTROL_IN);
}

/* --- the device --- */

static void config_read(struct virtio_dev *v, uint8_t *config)
{
	const struct serial *s = to_serial(v);
	const struct port *p = s->port[0];
	struct console_config c = {
		.cols = p ? (uint16_t)p->cols : 0,
		.rows = p ? (uint16_t)p->rows : 0,
		.max_nr_ports = (uint32_t)s->max_ports,
	};

	memcpy(config, &c, sizeof(c));
}

/* A byte before there are queues, as the last words of a kernel (5.3.4). */
static void config_written(struct virtio_dev *v, const uint8_t *config, unsigned int off,
			   unsigned int len)
{
	const unsigned int at = offsetof(struct console_config, emerg_wr);
	const struct port *p = to_serial(v)->port[0];

	if (off <= at && at < off + len && to_serial(v)->emergency && p && p->chr)
		chardev_write(p->chr, config[at]);
}

static const char *realize(struct virtio_dev *v)
{
	struct serial *s = to_serial(v);
	unsigned int i;

	v->offered |= BIT(F_SIZE) | BIT(F_MULTIPORT);
	if (s->emergency)
		v->offered |= BIT(F_EMERG_WRITE);
	virtio_add_queue(v, QUEUE_SIZE, in_notified);
	virtio_add_queue(v, QUEUE_SIZE, out_notified);
	virtio_add_queue(v, QUEUE_SIZE, flush);
	virtio_add_queue(v, QUEUE_SIZE, control_out);
	for (i = 1; i < s->max_ports; i++) {
		virtio_add_queue(v, QUEUE_SIZE, in_notified);
		virtio_add_queue(v, QUEUE_SIZE, out_notified);
	}
	return NULL;
}

static void drop_in(struct port *p)
{
	if (p->in)
		virtio_done(&p->s->v, in_queue(p), p->in, 0);
	p->in = NULL;
}

static void drop_out(struct port *p)
{
	device_timer_cancel(&p->more);
	if (p->out)
		virtio_done(&p->s->v, out_queue(p), p->out, 0);
	p->out = NULL;
	p->sent = 0;
}

static void reset(struct virtio_dev *v)
{
	struct serial *s = to_serial(v);
	unsigned int i;

	for (i = 0; i < s->max_ports; i++) {
		struct port *p = s->port[i];

		if (!p)
			continue;
		drop_in(p);
		drop_out(p);
		set_guest_open(p, false);
		p->pending = 0;
	}
}

/* A device goes before the ports on it. */
static void unrealize(struct virtio_dev *v)
{
	struct serial *s = to_serial(v);
	unsigned int i;

	reset(v);
	for (i = 0; i < s->max_ports; i++)
		if (s->port[i])
			s->port[i]->s = NULL;
}

static void queue_reset(struct virtio_dev *v, unsigned int n)
{
	struct port *p = n == CONTROL_IN || n == CONTROL_OUT ? NULL : port_of(to_serial(v), n);

	if (p && n == in_queue(p))
		drop_in(p);
	else if (p)
		drop_out(p);
}

static const struct device_prop props[] = {
	{ "max_ports", PROP_U64, offsetof(struct serial, max_ports), "ports that may be put on it",
	  "31", 1, MAX_PORTS },
	{ "emergency-write", PROP_BOOL, offsetof(struct serial, emergency),
	  "a byte may be written without queues", "on" },
};

static const struct virtio_class virtio_serial = {
	.name = "virtio-serial",
	.what = "virtio console, with ports on it (virtconsole, virtserialport)",
	.missing = "ports that come and go while the machine runs",
	.id = VIRTIO_ID_CONSOLE,
	.pci_transitional = 0x1003,
	.pci_class = 0x078000,
	.size = sizeof(struct serial),
	.props = props,
	.nr_props = ARRAY_SIZE(props),
	.config_len = sizeof(struct console_config),
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.queue_reset = queue_reset,
	.config_read = config_read,
	.config_written = config_written,
};
VIRTIO_REGISTER(virtio_serial);

/* --- ports --- */

static void port_opened(void *arg, bool on)
{
	struct port *p = arg;

	if (p->host_open == on)
		return;
	p->host_open = on;
	if (virtio_has(&p->s->v, F_MULTIPORT)) {
		pend(p, PORT_OPEN);
		flush(&p->s->v, CONTROL_IN);
	}
}

static const struct chardev_user port_user = {
	.room = port_room, .input = port_input, .writable = port_writable, .opened = port_opened,
};

/* @bus: "ID.0", of a virtio-serial device; NULL: the first there is. */
static const char *port_attach(struct device *dev, const char *bus)
{
	static char text[128];
	size_t len = bus ? strlen(bus) : 0;
	struct device *d;

	for (d = bus_devices(dev->bus); d; d = d->next) {
		struct virtio_dev *v = virtio_of(d, &virtio_serial);

		if (v && v->cls && (!bus || (d->id && len == strlen(d->id) + 2 &&
					     !strncmp(bus, d->id, len - 2) &&
					     !strcmp(bus + len - 2, ".0")))) {
			dev->parent = d;
			to_port(dev)->s = to_serial(v);
			return NULL;
		}
	}
	if (!bus)
		return "needs a -device virtio-serial-pci before it";
	snprintf(text, sizeof(text), "bus=%s: no virtio-serial device before it has this bus", bus);
	return text;
}

static const char *port_realize(struct device *dev)
{
	static char text[96];
	struct port *p = to_port(dev);
	struct serial *s = p->s;
	bool console = dev->cls == &virtconsole;

	if (!s)
		return "sits on a virtio-serial device";
	/* Port 0 is the console's, which drivers without MULTIPORT know. */
	if (!p->nr)
		for (p->nr = !console; p->nr < s->max_ports && s->port[p->nr]; p->nr++)
			;
	if (p->nr >= s->max_ports) {
		snprintf(text, sizeof(text), "its virtio-serial has no more ports (max_ports=%u)",
			 (unsigned int)s->max_ports);
		return text;
	}
	if (s->port[p->nr]) {
		snprintf(text, sizeof(text), "nr=%u: is taken", (unsigned int)p->nr);
		return text;
	}
	s->port[p->nr] = p;
	device_timer_init(&p->more, port_writable, p);
	if (p->chr)
		chardev_attach(p->chr, &port_user, p);
	return NULL;
}

static void port_unrealize(struct device *dev)
{
	struct port *p = to_port(dev);

	if (!p->s || p->s->port[p->nr] != p)
		return;
	drop_in(p);
	drop_out(p);
	p->s->port[p->nr] = NULL;
}

static void port_describe(struct device *dev, char *buf, size_t len)
{
	const struct port *p = to_port(dev);

	snprintf(buf, len, "port %u, guest %s, host %s", (unsigned int)p->nr,
		 p->guest_open ? "on" : "off", p->host_open ? "on" : "off");
}

#define PORT_PROPS								\
	{ "chardev", PROP_CHARDEV, offsetof(struct port, chr), "where its bytes go" }, \
	{ "name", PROP_STRING, offsetof(struct port, name),			\
	  "name for the guest (/dev/virtio-ports/NAME)" },			\
	{ "nr", PROP_U64, offsetof(struct port, nr),				\
	  "number on its device; 0: the next (port 0 is a virtconsole's)", "0" }

static const struct device_prop console_props[] = {
	PORT_PROPS,
	{ "cols", PROP_U64, offsetof(struct port, cols), "columns; 0: not said", "0", 0, 65535 },
	{ "rows", PROP_U64, offsetof(struct port, rows), "rows; 0: not said", "0", 0, 65535 },
};

static const struct device_prop port_props[] = { PORT_PROPS };

#define PORT_CLASS								\
	.sheet = "Virtual I/O Device (VIRTIO) Version 1.2, section 5.3",	\
	.size = sizeof(struct port), .user = true, .attach = port_attach,	\
	.realize = port_realize, .unrealize = port_unrealize, .describe = port_describe

static const struct device_class virtconsole = {
	.name = "virtconsole",
	.what = "console on a virtio-serial device",
	.props = console_props,
	.nr_props = ARRAY_SIZE(console_props),
	PORT_CLASS,
};
DEVICE_REGISTER(virtconsole);

static const struct device_class virtserialport = {
	.name = "virtserialport",
	.what = "port on a virtio-serial device",
	.props = port_props,
	.nr_props = ARRAY_SIZE(port_props),
	PORT_CLASS,
};
DEVICE_REGISTER(virtserialport);
