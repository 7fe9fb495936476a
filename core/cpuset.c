#include "core/cpuset.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void cpuset_zero(struct cpuset *set)
{
	memset(set, 0, sizeof(*set));
}

void cpuset_add(struct cpuset *set, unsigned cpu)
{
	assert(cpu < CPUSET_MAX);
	set->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}

void cpuset_remove(struct cpuset *set, unsigned cpu)
{
	assert(cpu < CPUSET_MAX);
	set->bits[cpu / 64] &= ~(UINT64_C(1) << (cpu % 64));
}

bool cpuset_has(const struct cpuset *set, unsigned cpu)
{
	return cpu < CPUSET_MAX && (set->bits[cpu / 64] >> (cpu % 64) & 1);
}

bool cpuset_is_empty(const struct cpuset *set)
{
	for (unsigned w = 0; w < CPUSET_WORDS; w++) {
		if (set->bits[w])
			return false;
	}
	return true;
}

bool cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
	return !memcmp(a->bits, b->bits, sizeof(a->bits));
}

bool cpuset_is_subset(const struct cpuset *inner, const struct cpuset *outer)
{
	for (unsigned w = 0; w < CPUSET_WORDS; w++) {
		if (inner->bits[w] & ~outer->bits[w])
			return false;
	}
	return true;
}

unsigned cpuset_count(const struct cpuset *set)
{
	unsigned n = 0;

	for (unsigned w = 0; w < CPUSET_WORDS; w++)
		n += (unsigned)__builtin_popcountll(set->bits[w]);
	return n;
}

/* The first number >= from whose bit differs from flip's (0: first set bit, ~0: first clear bit).
 */
static unsigned find_next(const struct cpuset *set, unsigned from, uint64_t flip)
{
	if (from >= CPUSET_MAX)
		return CPUSET_MAX;

	unsigned w = from / 64;
	uint64_t word = (set->bits[w] ^ flip) & (UINT64_MAX << (from % 64));

	while (!word) {
		if (++w == CPUSET_WORDS)
			return CPUSET_MAX;
		word = set->bits[w] ^ flip;
	}
	return w * 64 + (unsigned)__builtin_ctzll(word);
}

unsigned cpuset_next(const struct cpuset *set, unsigned from)
{
	return find_next(set, from, 0);
}

void cpuset_and(struct cpuset *set, const struct cpuset *other)
{
	for (unsigned w = 0; w < CPUSET_WORDS; w++)
		set->bits[w] &= other->bits[w];
}

void cpuset_or(struct cpuset *set, const struct cpuset *other)
{
	for (unsigned w = 0; w < CPUSET_WORDS; w++)
		set->bits[w] |= other->bits[w];
}

void cpuset_andnot(struct cpuset *set, const struct cpuset *other)
{
	for (unsigned w = 0; w < CPUSET_WORDS; w++)
		set->bits[w] &= ~other->bits[w];
}

/* A decimal number below limit; moves *at behind it. */
static int read_number(const char **at, unsigned limit, unsigned *ret)
{
	const char *p = *at;
	unsigned n = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned)(*p - '0');
		if (n >= limit)
			return -ERANGE;
	}
	*at = p;
	*ret = n;
	return 0;
}

static void add_range(struct cpuset *set, unsigned first, unsigned last)
{
	unsigned w = first / 64, last_w = last / 64;
	uint64_t head = UINT64_MAX << (first % 64), tail = UINT64_MAX >> (63 - last % 64);

	if (w == last_w) {
		set->bits[w] |= head & tail;
		return;
	}
	set->bits[w++] |= head;
	while (w < last_w)
		set->bits[w++] = UINT64_MAX;
	set->bits[last_w] |= tail;
}

/* The first `used` CPUs of every `group` in first-last: bitmap_parselist() of lib/bitmap.c. */
static void add_stepped(struct cpuset *set, unsigned first, unsigned last, unsigned used,
			unsigned group)
{
	for (unsigned start = first; start <= last; start += group) {
		unsigned end = start + used - 1;

		add_range(set, start, end < last ? end : last);
	}
}

/* One region: "3", "0-3" or "0-31:2/4". */
static int read_region(const char **at, struct cpuset *set)
{
	unsigned first, last, used, group;
	int r = read_number(at, CPUSET_MAX, &first);

	if (r < 0)
		return r;
	if (**at != '-') {
		cpuset_add(set, first);
		return 0;
	}
	(*at)++;
	r = read_number(at, CPUSET_MAX, &last);
	if (r < 0)
		return r;
	if (last < first)
		return -EINVAL;
	if (**at != ':') {
		add_range(set, first, last);
		return 0;
	}
	(*at)++;
	r = read_number(at, CPUSET_MAX + 1, &used);
	if (r < 0)
		return r;
	if (*(*at)++ != '/')
		return -EINVAL;
	r = read_number(at, CPUSET_MAX + 1, &group);
	if (r < 0)
		return r;
	if (used == 0 || group == 0 || used > group)
		return -EINVAL;
	add_stepped(set, first, last, used, group);
	return 0;
}

int cpuset_parse_list(const char *text, struct cpuset *ret_set)
{
	struct cpuset set;

	cpuset_zero(&set);
	while (*text) {
		int r = read_region(&text, &set);
		if (r < 0)
			return r;
		if (!*text)
			break;
		if (*text++ != ',' || !*text)
			return -EINVAL;
	}
	*ret_set = set;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Zeros beyond CPUSET_MAX are fine: a kernel with a larger NR_CPUS pads its masks with them. */
static int add_nibble(struct cpuset *set, size_t pos, unsigned nibble)
{
	if (!nibble)
		return 0;
	if (pos >= CPUSET_MAX)
		return -ERANGE;
	set->bits[pos / 64] |= (uint64_t)nibble << (pos % 64);
	return 0;
}

int cpuset_parse_mask(const char *text, struct cpuset *ret_set)
{
	struct cpuset set;
	size_t len = strlen(text), pos = 0, n_digits = 0;
	bool has_groups = memchr(text, ',', len) != NULL;

	cpuset_zero(&set);
	for (size_t i = len; i-- > 0;) {
		if (text[i] == ',') {
			if (!n_digits)
				return -EINVAL;
			pos += 32 - 4 * n_digits; /* each group is 32 bits, short or not */
			n_digits = 0;
			continue;
		}

		int digit = hex_digit(text[i]);
		if (digit < 0 || (has_groups && n_digits == 8))
			return -EINVAL;
		int r = add_nibble(&set, pos, (unsigned)digit);
		if (r < 0)
			return r;
		pos += 4;
		n_digits++;
	}
	if (len && !n_digits)
		return -EINVAL;
	*ret_set = set;
	return 0;
}

static size_t put_number(char *out, unsigned n)
{
	char digits[10];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	for (size_t i = 0; i < len; i++)
		out[i] = digits[len - 1 - i];
	return len;
}

int cpuset_format_list(const struct cpuset *set, char *buf, size_t size)
{
	size_t len = 0;

	if (size)
		buf[0] = '\0';
	for (unsigned first = cpuset_next(set, 0); first < CPUSET_MAX;) {
		unsigned end = find_next(set, first, UINT64_MAX); /* one past the run */
		char region[24];
		size_t n = 0;

		if (len)
			region[n++] = ',';
		n += put_number(region + n, first);
		if (end > first + 1) {
			region[n++] = '-';
			n += put_number(region + n, end - 1);
		}
		if (len + n + 1 > size) {
			if (size)
				buf[0] = '\0';
			return -ENOSPC;
		}
		memcpy(buf + len, region, n);
		len += n;
		buf[len] = '\0';
		first = cpuset_next(set, end);
	}
	return size ? (int)len : -ENOSPC;
}

int cpuset_format_mask(const struct cpuset *set, unsigned n_bits, char *buf, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	unsigned n_digits = (n_bits + 3) / 4;
	size_t len = 0;

	if (size)
		buf[0] = '\0';
	if (n_bits == 0 || n_bits > CPUSET_MAX)
		return -EINVAL;
	if (cpuset_next(set, n_bits) < CPUSET_MAX)
		return -ERANGE;
	if (n_digits + (n_digits - 1) / 8 + 1 > size)
		return -ENOSPC;
	for (unsigned d = n_digits; d-- > 0;) {
		buf[len++] = hex[set->bits[d / 16] >> (d % 16 * 4) & 15];
		if (d && d % 8 == 0)
			buf[len++] = ',';
	}
	buf[len] = '\0';
	return (int)len;
}
