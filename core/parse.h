/*
 * Strict parsers for the few text forms the kernel and the command line use. Every one takes the
 * whole string, rejects leading white space, signs it does not expect and trailing junk (-EINVAL),
 * and values that do not fit (-ERANGE); outputs stay untouched on failure. CPU lists and masks:
 * cpuset.h.
 */
#ifndef JT_CORE_PARSE_H
#define JT_CORE_PARSE_H

#include "core/util.h"

int parse_u64(const char *text, uint64_t *ret) _must_check_;	 /* decimal */
int parse_i64(const char *text, int64_t *ret) _must_check_;	 /* decimal, optional '-' */
int parse_hex_u64(const char *text, uint64_t *ret) _must_check_; /* optional 0x */
int parse_f64(const char *text, double *ret)
	_must_check_; /* "3.16", optional '-', not locale dependent, no exponent */
/* "10s", "1ms", "200us", "50ns", "2min", "1h"; a bare number is seconds; "1.5ms" too, with at most
 * 9 decimals. Less than 1 ns is cut off. */
int parse_duration_ns(const char *text, uint64_t *ret_ns) _must_check_;

/*
 * A cursor over text of lines and blank-separated words, for /proc files that are parsed in one
 * pass without copying. Never allocates, never reads past the NUL.
 */
struct scan {
	const char *at;
};
/* Next unsigned decimal on this line, after blanks. -ENODATA at the end of the line or text,
 * -EINVAL when it is no number. */
int scan_u64(struct scan *scan, uint64_t *ret) _must_check_;
/* Next word on this line; *ret_word points into the text. -ENODATA at the end of the line. */
int scan_word(struct scan *scan, const char **ret_word, size_t *ret_len) _must_check_;
/* Moves to the start of the next line; false at the end of the text. */
int scan_next_line(struct scan *scan);

/* A "Key:   value unit" line (/proc/meminfo, status): spans into the line, blanks trimmed. -EINVAL
 * without separator. */
struct key_value {
	const char *key, *value;
	size_t key_len, value_len;
};
int parse_key_value(const char *line, size_t len, char separator,
		    struct key_value *ret) _must_check_;
/* A meminfo-like value: "12 kB" is 12288, a number without unit (HugePages_Total) is itself. */
int parse_kb(const char *text, size_t len, uint64_t *ret_bytes) _must_check_;

#endif
