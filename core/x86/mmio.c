/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Accesses that memory does not answer: devices of the kernel half (the bus),
 * and those of the host program, which need KVM_RUN to return.
 *
 * An instruction whose access goes out is not suspended half-way: nothing of
 * it is kept but a log of what went out and what came back. When the host
 * program calls KVM_RUN again the answer is put into the log and the
 * instruction starts from scratch; its accesses are then answered from the
 * log, in order, until it is through or needs one more. Reads of in-kernel
 * devices are not logged: the log exists only between an exit and the end of
 * its instruction. A write that ends its instruction (vcpu_mmio_retire) is
 * never replayed, only its further fragments go out.
 */
#include "vcpu.h"

#define MMIO_FRAGMENT 8u
#define LOG_PIO BIT_ULL(63)		/* in mmio_access.gpa: a port */
#define LOG_RETIRED (~0ull)		/* as mmio_log.rip: only fragments are left */

void vcpu_mmio_done(struct vcpu *v)
{
	struct mmio_log *log = &v->mmio;

	log->n = log->replay = log->flushed = 0;
	log->awaiting = false;
}

void vcpu_mmio_restart(struct vcpu *v)
{
	v->mmio.replay = 0;
}

void vcpu_mmio_retire(struct vcpu *v)
{
	if (v->mmio.awaiting)
		v->mmio.rip = LOG_RETIRED;
	else
		vcpu_mmio_done(v);
}

/* The log belongs to the instruction at cpu.rip; anything else is stale (the host program moved rip). */
static void log_check(struct vcpu *v)
{
	struct mmio_log *log = &v->mmio;

	if (log->rip != v->cpu.rip && !log->awaiting)
		log->n = log->replay = log->flushed = 0;
	if (!log->n)
		log->rip = v->cpu.rip;
}

static struct mmio_access *log_replay(struct vcpu *v, u64 gpa, u32 len, bool write)
{
	struct mmio_log *log = &v->mmio;
	struct mmio_access *a = &log->a[log->replay];

	if (log->replay >= log->n)
		return NULL;
	if (a->gpa != gpa || a->len != len || a->write != write || !a->done) {
		log->n = log->replay;	/* another path this time: memory it read has changed */
		return NULL;
	}
	log->replay++;
	return a;
}

static struct mmio_access *log_add(struct vcpu *v, u64 gpa, u32 len, bool write)
{
	struct mmio_log *log = &v->mmio;
	struct mmio_access *a;

	if (log->n == MMIO_LOG_MAX)
		return NULL;
	a = &log->a[log->n++];
	*a = (struct mmio_access){ .gpa = gpa, .len = len, .write = write };
	return a;
}

static int log_full(struct vcpu *v)
{
	plat_log("vcpu %u: the instruction at %llx has more accesses than the log", v->id,
		 (unsigned long long)v->cpu.rip);
	vcpu_mmio_done(v);
	v->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	v->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	v->run->internal.ndata = 0;
	return X86_EMU_EXIT;
}

/* Move @a on, fragment by fragment. X86_EMU_EXIT when one has to go out. */
static int mmio_advance(struct vcpu *v, struct mmio_access *a)
{
	struct mmio_log *log = &v->mmio;
	struct kvm_run *run = v->run;

	while (log->flushed < a->len) {
		u64 gpa = a->gpa + log->flushed;
		u32 n = min((u32)a->len - log->flushed, MMIO_FRAGMENT);
		u8 *data = a->data + log->flushed;
		int r = a->write ? vm_io_write(v, IO_BUS_MMIO, gpa, n, data) :
				   vm_io_read(v, IO_BUS_MMIO, gpa, n, data);

		if (r) {
			run->exit_reason = KVM_EXIT_MMIO;
			run->mmio.phys_addr = gpa;
			run->mmio.len = n;
			run->mmio.is_write = a->write;
			memset(run->mmio.data, 0, sizeof(run->mmio.data));
			if (a->write)
				memcpy(run->mmio.data, data, n);
			log->awaiting = true;
			log->pio = false;
			v->stats.mmio_exits++;
			return X86_EMU_EXIT;
		}
		log->flushed += n;
	}
	log->flushed = 0;
	a->done = true;
	return X86_EMU_OK;
}

int vcpu_mmio_read(struct vcpu *v, u64 gpa, void *val, unsigned int len)
{
	struct mmio_access *a;
	int r;

	log_check(v);
	a = log_replay(v, gpa, len, false);
	if (a) {
		memcpy(val, a->data, len);
		return X86_EMU_OK;
	}
	if (len <= MMIO_FRAGMENT && !vm_io_read(v, IO_BUS_MMIO, gpa, len, val))
		return X86_EMU_OK;
	a = log_add(v, gpa, len, false);
	if (!a)
		return log_full(v);
	r = mmio_advance(v, a);
	if (r == X86_EMU_OK) {		/* wide, and all in in-kernel devices */
		memcpy(val, a->data, len);
		v->mmio.n--;
	}
	return r;
}

int vcpu_mmio_write(struct vcpu *v, u64 gpa, const void *val, unsigned int len)
{
	struct mmio_access *a;
	int r;

	log_check(v);
	if (!v->mmio.awaiting) {
		if (log_replay(v, gpa, len, true))
			return X86_EMU_OK;
		if (len <= MMIO_FRAGMENT && !vm_io_write(v, IO_BUS_MMIO, gpa, len, val))
			return X86_EMU_OK;
	}
	a = log_add(v, gpa, len, true);
	if (!a)
		return log_full(v);
	memcpy(a->data, val, len);
	if (v->mmio.awaiting)		/* behind another write of the same, retiring, instruction */
		return X86_EMU_EXIT;
	r = mmio_advance(v, a);
	if (r == X86_EMU_OK)
		v->mmio.n--;
	return r;
}

static int pio_exit(struct vcpu *v, u16 port, const void *val, u32 size, u32 count, bool in)
{
	struct mmio_log *log = &v->mmio;
	struct kvm_run *run = v->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	memset(v->pio_page, 0, size * count);
	if (!in)
		memcpy(v->pio_page, val, size);
	log->awaiting = log->pio = true;
	log->pio_in = in;
	log->port = port;
	log->pio_size = size;
	log->pio_count = count;
	log->pio_ahead = false;
	v->stats.io_exits++;
	return X86_EMU_EXIT;
}

int vcpu_pio(struct vcpu *v, u16 port, void *val, unsigned int size, bool in)
{
	struct mmio_access *a;
	int r;

	v->watch_hits |= x86_watch_io_hits(v, port, size);
	log_check(v);
	a = log_replay(v, port | LOG_PIO, size, !in);
	if (a) {
		if (in)
			memcpy(val, a->data, size);
		return X86_EMU_OK;
	}
	r = in ? vm_io_read(v, IO_BUS_PIO, port, size, val) :
		 vm_io_write(v, IO_BUS_PIO, port, size, val);
	if (!r)
		return X86_EMU_OK;
	if (!log_add(v, port | LOG_PIO, size, !in))
		return log_full(v);
	return pio_exit(v, port, val, size, 1, in);
}

int vcpu_pio_ins(struct vcpu *v, u16 port, void *val, unsigned int size, u64 count)
{
	struct mmio_log *log = &v->mmio;

	if (log->ahead_end - log->ahead_pos >= size && log->ahead_rip == v->cpu.rip &&
	    log->ahead_port == port) {
		memcpy(val, log->ahead + log->ahead_pos, size);
		log->ahead_pos += size;
		if (count == 1)		/* the host program may have made rCX smaller */
			log->ahead_pos = log->ahead_end;
		return X86_EMU_OK;
	}
	v->watch_hits |= x86_watch_io_hits(v, port, size);
	if (!vm_io_read(v, IO_BUS_PIO, port, size, val))
		return X86_EMU_OK;
	log_check(v);
	if (!log_add(v, port | LOG_PIO, size, false))
		return log_full(v);
	log->ahead_rip = v->cpu.rip;
	log->ahead_port = port;
	log->ahead_pos = log->ahead_end = 0;
	pio_exit(v, port, NULL, size, min(count, (u64)sizeof(log->ahead) / size), true);
	log->pio_ahead = true;
	return X86_EMU_EXIT;
}

/* The answer of a PIO exit: several elements go to where REP INS looks for them. */
static void pio_answer(struct vcpu *v, struct mmio_access *a)
{
	struct mmio_log *log = &v->mmio;
	u32 bytes = log->pio_size * log->pio_count;

	a->done = true;
	if (!log->pio_in)
		return;
	plat_trace_pio(false, log->port, log->pio_size, log->pio_count, v->pio_page);
	if (log->pio_ahead && bytes <= sizeof(log->ahead)) {
		memcpy(log->ahead, v->pio_page, bytes);
		log->ahead_end = bytes;
		log->n = log->replay = 0;	/* the bytes are the log */
	} else {
		memcpy(a->data, v->pio_page, log->pio_size);
	}
}

/* The first access that has not been answered yet. */
static struct mmio_access *log_open(struct mmio_log *log)
{
	u32 i;

	for (i = 0; i < log->n; i++)
		if (!log->a[i].done)
			return &log->a[i];
	return NULL;
}

/* Fragments of writes that wait. True: one went out. */
static bool log_drain(struct vcpu *v)
{
	struct mmio_access *a;

	while ((a = log_open(&v->mmio)))
		if (mmio_advance(v, a) == X86_EMU_EXIT)
			return true;
	return false;
}

bool vcpu_mmio_resume(struct vcpu *v)
{
	struct mmio_log *log = &v->mmio;
	struct mmio_access *a = log_open(log);
	enum engine_exit why;

	if (!log->awaiting)
		return false;
	log->awaiting = false;
	if (!a) {
		vcpu_mmio_done(v);
		return false;
	}
	if (log->pio) {
		pio_answer(v, a);
	} else {
		u32 n = min((u32)a->len - log->flushed, MMIO_FRAGMENT);

		if (!a->write) {
			memcpy(a->data + log->flushed, v->run->mmio.data, n);
			plat_trace_mmio(false, n, a->gpa + log->flushed, a->data + log->flushed);
		}
		log->flushed += n;
		if (log_drain(v))
			return true;
	}
	if (log->rip == LOG_RETIRED || log->rip != v->cpu.rip) {
		vcpu_mmio_done(v);
		return false;
	}
	if (v->delivering)		/* vcpu_enter_guest does the event again */
		return false;
	/*
	 * Finish the instruction now, so that the state is whole even when this
	 * KVM_RUN was only meant to finish it (immediate_exit), and no interrupt
	 * comes between. What the emulator does not know the engine finishes.
	 */
	if (vcpu_emulate_resume(v, &why))
		return false;
	if (why == ENGINE_EXIT_SHUTDOWN)
		vcpu_request(v, VCPU_REQ_TRIPLE_FAULT);
	return why == ENGINE_EXIT_USER;
}
