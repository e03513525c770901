/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzzer gives, taken from its start; at its end there are zeros. */
#ifndef ANYKVM_TESTS_FUZZ_INPUT_H
#define ANYKVM_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;

struct input {
	const uint8_t *p;
	size_t left;
};

uint64_t take(struct input *in, unsigned int bytes);

/* A step of a virtio driver that knows what rings are (virtio.c); false: @dev is no virtio device. */
bool fuzz_virtio(struct device *dev, struct input *in);

#endif
