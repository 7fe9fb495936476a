#include "core/parse.h"

#include <errno.h>
#include <string.h>

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The digits at *at (at least one); moves *at behind them, unless they do not fit. */
static int take_digits(const char **at, uint64_t *ret)
{
	const char *p = *at;
	uint64_t n = 0;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	}
	*at = p;
	*ret = n;
	return 0;
}

int parse_u64(const char *text, uint64_t *ret)
{
	uint64_t n;

	/* Junk is -EINVAL even behind digits that would not fit. */
	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	int r = take_digits(&text, &n);
	if (r < 0)
		return r;
	*ret = n;
	return 0;
}

int parse_i64(const char *text, int64_t *ret)
{
	int is_negative = *text == '-';
	uint64_t n;
	int r = parse_u64(text + is_negative, &n);

	if (r < 0)
		return r;
	if (n > (uint64_t)INT64_MAX + (unsigned)is_negative)
		return -ERANGE;
	*ret = is_negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

int parse_hex_u64(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (!*text || text[strspn(text, "0123456789abcdefABCDEF")])
		return -EINVAL;
	for (; *text; text++) {
		unsigned digit = is_digit(*text) ? (unsigned)(*text - '0')
						 : (unsigned)((*text | 0x20) - 'a' + 10);
		if (n >> 60)
			return -ERANGE;
		n = n << 4 | digit;
	}
	*ret = n;
	return 0;
}

/* The digits behind a point, as a number below 10^*ret_digits. At most 9 count; more are refused,
 * or, where too_many_ok, cut off. */
static int take_fraction(const char **at, int too_many_ok, uint64_t *ret, uint64_t *ret_scale)
{
	uint64_t n = 0, scale = 1;

	if (!is_digit(**at))
		return -EINVAL;
	for (; is_digit(**at); (*at)++) {
		if (scale == NSEC_PER_SEC) {
			if (!too_many_ok)
				return -EINVAL;
			continue;
		}
		n = n * 10 + (uint64_t)(**at - '0');
		scale *= 10;
	}
	*ret = n;
	*ret_scale = scale;
	return 0;
}

int parse_f64(const char *text, double *ret)
{
	int is_negative = *text == '-';
	uint64_t whole, fraction = 0, scale = 1;

	text += is_negative;
	int r = take_digits(&text, &whole);
	if (r < 0)
		return r;
	if (*text == '.') {
		text++;
		r = take_fraction(&text, 1, &fraction, &scale);
		if (r < 0)
			return r;
	}
	if (*text)
		return -EINVAL;

	double value = (double)whole + (double)fraction / (double)scale;
	*ret = is_negative ? -value : value;
	return 0;
}

static uint64_t unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"", NSEC_PER_SEC},	    {"ns", 1},		 {"us", NSEC_PER_USEC},
		{"ms", NSEC_PER_MSEC},	    {"s", NSEC_PER_SEC}, {"min", 60 * NSEC_PER_SEC},
		{"h", 3600 * NSEC_PER_SEC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!strcmp(unit, units[i].name))
			return units[i].ns;
	}
	return 0;
}

int parse_duration_ns(const char *text, uint64_t *ret_ns)
{
	uint64_t whole, fraction = 0, scale = 1, ns;
	int r = take_digits(&text, &whole);

	if (r < 0)
		return r;
	if (*text == '.') {
		text++;
		r = take_fraction(&text, 0, &fraction, &scale);
		if (r < 0)
			return r;
	}

	uint64_t unit = unit_ns(text);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)((__uint128_t)fraction * unit / scale), &ns))
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

int scan_u64(struct scan *scan, uint64_t *ret)
{
	const char *p = skip_blanks(scan->at);
	uint64_t n = 0;

	if (!*p || *p == '\n') {
		scan->at = p;
		return -ENODATA;
	}

	const char *digits = p;
	for (; is_digit(*p); p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == digits || (*p && *p != '\n' && !is_blank(*p)))
		return -EINVAL;
	/* Up to 19 digits cannot overflow; /proc/interrupts is megabytes of such numbers, so the
	 * checked way is for the rest. */
	if (p - digits > 19) {
		p = digits;
		int r = take_digits(&p, &n);
		if (r < 0)
			return r;
	}
	scan->at = p;
	*ret = n;
	return 0;
}

int scan_word(struct scan *scan, const char **ret_word, size_t *ret_len)
{
	const char *word = skip_blanks(scan->at);
	size_t len = strcspn(word, " \t\n");

	scan->at = word + len;
	if (!len)
		return -ENODATA;
	*ret_word = word;
	*ret_len = len;
	return 0;
}

int scan_next_line(struct scan *scan)
{
	scan->at = strchrnul(scan->at, '\n');
	if (*scan->at)
		scan->at++;
	return *scan->at != '\0';
}

static void trim(const char **text, size_t *len)
{
	while (*len && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len && is_blank((*text)[*len - 1]))
		(*len)--;
}

int parse_key_value(const char *line, size_t len, char separator, struct key_value *ret)
{
	const char *at = memchr(line, separator, len);
	struct key_value kv;

	if (!at)
		return -EINVAL;
	kv.key = line;
	kv.key_len = (size_t)(at - line);
	kv.value = at + 1;
	kv.value_len = len - kv.key_len - 1;
	trim(&kv.key, &kv.key_len);
	trim(&kv.value, &kv.value_len);
	if (!kv.key_len)
		return -EINVAL;
	*ret = kv;
	return 0;
}

int parse_kb(const char *text, size_t len, uint64_t *ret_bytes)
{
	char digits[24];
	uint64_t n, unit = 1;

	if (len > 3 && !memcmp(text + len - 3, " kB", 3)) {
		unit = 1024;
		len -= 3;
	}
	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (strlen(digits) != len)
		return -EINVAL;

	int r = parse_u64(digits, &n);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(n, unit, &n))
		return -ERANGE;
	*ret_bytes = n;
	return 0;
}
