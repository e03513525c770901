/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process home's vocabulary for core/types.h. In a kernel the same words
 * are the kernel's own (home/linux/plat_types.h).
 */
#ifndef ANYKVM_PLAT_TYPES_H
#define ANYKVM_PLAT_TYPES_H

#include <linux/types.h>
#include <linux/errno.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1u << (n))
#define BIT_ULL(n) (1ull << (n))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define min(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/*
 * The four that a freestanding compiler may call on its own. They are the
 * core's (string.c): a C library's may use vector registers, and those are the
 * guest's while an engine runs it.
 */
void *memcpy(void *dst, const void *src, size_t n) __asm__("anykvm_memcpy");
void *memmove(void *dst, const void *src, size_t n) __asm__("anykvm_memmove");
void *memset(void *dst, int c, size_t n) __asm__("anykvm_memset");
int memcmp(const void *a, const void *b, size_t n) __asm__("anykvm_memcmp");

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ull
#define PAGE_MASK (~(PAGE_SIZE - 1))

#endif
