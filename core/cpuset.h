/*
 * A set of CPU (or NUMA node) numbers, 0 to CPUSET_MAX - 1, in the caller's storage.
 *
 * The parsers are strict: the whole text must be a list or a mask as the kernel prints it
 * (lib/bitmap.c, bitmap_parselist and bitmap_parse), empty text is the empty set, anything else is
 * -EINVAL, a number of CPUSET_MAX or more is -ERANGE. Formatting gives the canonical list
 * ("0-3,8,10-11"; empty set: ""), the form in which CPU sets travel in samples and JSON.
 */
#ifndef JT_CORE_CPUSET_H
#define JT_CORE_CPUSET_H

#include <stdbool.h>

#include "core/util.h"

#define CPUSET_MAX 8192u /* NR_CPUS at its largest, arch/x86/Kconfig */
#define CPUSET_WORDS (CPUSET_MAX / 64)
#define CPUSET_TEXT_MAX 49152u /* bytes that hold any formatted list, NUL included */

struct cpuset {
	uint64_t bits[CPUSET_WORDS];
};

void cpuset_zero(struct cpuset *set);
void cpuset_add(struct cpuset *set, unsigned cpu);
void cpuset_remove(struct cpuset *set, unsigned cpu);
bool cpuset_has(const struct cpuset *set, unsigned cpu);
bool cpuset_is_empty(const struct cpuset *set);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);
bool cpuset_is_subset(const struct cpuset *inner, const struct cpuset *outer);
unsigned cpuset_count(const struct cpuset *set);
/* The first member >= from, or CPUSET_MAX when there is none: for (c = next(s, 0); c < MAX; c =
 * next(s, c + 1)). */
unsigned cpuset_next(const struct cpuset *set, unsigned from);
void cpuset_and(struct cpuset *set, const struct cpuset *other);
void cpuset_or(struct cpuset *set, const struct cpuset *other);
void cpuset_andnot(struct cpuset *set, const struct cpuset *other);

/* "0-3,8", "0-31:2/4" (kernel step syntax). */
int cpuset_parse_list(const char *text, struct cpuset *ret_set) _must_check_;
/* "ff,ffffffff": comma-separated 32-bit hex groups, most significant first; a single long group is
 * taken too. */
int cpuset_parse_mask(const char *text, struct cpuset *ret_set) _must_check_;
/* Writes the canonical list; returns its length, or -ENOSPC when size is too small (buf is then
 * ""). */
int cpuset_format_list(const struct cpuset *set, char *buf, size_t size);
/* Writes the kernel's mask form, padded to n_bits as /proc/irq/N/smp_affinity prints it. */
int cpuset_format_mask(const struct cpuset *set, unsigned n_bits, char *buf, size_t size);

#endif
