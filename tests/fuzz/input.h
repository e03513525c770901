/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzzer gives, taken from its start; at its end there are zeros. */
#ifndef ANYKVM_TESTS_FUZZ_INPUT_H
#define ANYKVM_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;
struct device_class;

/* What is driven, and as what: a disk's own protocol is reached through its controller. */
struct fuzzed {
	struct device *dev;
	const char *kind;
	unsigned int devfn;
	uint64_t (*base_of)(unsigned int region);
};

struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint64_t take(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes-- && in->left) {
		v = v << 8 | *in->p++;
		in->left--;
	}
	return v;
}

/* A step of a virtio driver that knows what rings are (virtio.c); false: @dev is no virtio device. */
bool fuzz_virtio(struct device *dev, struct input *in);
/* Its first: features agreed on, rings there. */
bool fuzz_virtio_start(struct device *dev, struct input *in);

/* What stands around a device (board.c): the class that is driven for @kind, chips, children. */
struct block;
struct chardev;
#define FUZZ_DISKS 3
const struct device_class *fuzz_class_of(const char *kind);
const char *fuzz_family_of(const char *kind);		/* NULL: there is one shape only */
const char *fuzz_shape(const char *family, unsigned int n);
void fuzz_beside(struct device *dev);
void fuzz_children(struct device *dev, const char *kind, unsigned int devfn, struct block **disk,
		   struct chardev *line);

/* A row of accesses as a driver would make them (recipes.c); false: none is known for the device. */
bool fuzz_recipe(const struct fuzzed *f, unsigned int which, struct input *in);

#endif
