/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel of the PC's DMA controllers, as a card on the ISA bus sees it: it asks (DREQ), and the
 * controller then moves bytes when the guest has set the channel up.
 */
#ifndef ANYKVM_DEVICES_PC_ISA_DMA_H
#define ANYKVM_DEVICES_PC_ISA_DMA_H

#include "host/bus/bus.h"

struct isa_dma_user {
	/*
	 * Move @len bytes at most: out of @data (@to_card) or into it. How many; fewer than @len: the
	 * card has no more for now. The card may let its request go in here.
	 */
	uint32_t (*transfer)(void *arg, uint8_t *data, uint32_t len, bool to_card);
	/* The channel's count has run out (TC). */
	void (*terminal_count)(void *arg);
};

/* What the board gives a card: the controller and the channel, 0 to 3 (bytes), 5 to 7 (words). */
struct isa_dma {
	struct device *controller;
	unsigned int channel;
};

void isa_dma_attach(const struct isa_dma *dma, const struct isa_dma_user *user, void *arg);
/* DREQ. Transfers may happen inside this call. */
void isa_dma_request(const struct isa_dma *dma, bool on);

enum { I8257_REGION_LOW, I8257_REGION_HIGH, I8257_REGION_PAGES };

#endif
