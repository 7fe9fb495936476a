/*
 * What probes/knob_file.c and probes/knob_file_targets.c share.
 */
#ifndef JT_PROBES_KNOB_FILE_INTERNAL_H
#define JT_PROBES_KNOB_FILE_INTERNAL_H

#include "probes/knob_file.h"

/* Matches text with a pattern (or one directory's part of it); the parts are added to parts. */
int knob_file_match(const char *pattern, size_t pattern_len, const char *text,
		    struct knob_file_parts *parts) _must_check_;
/* The file's text, brackets around the choice; as host_read(). */
ssize_t knob_file_read_parts(const struct knob_file *file, struct host *host,
			     const struct knob_file_parts *parts, char *buf, size_t size);
/* Why this object can never be written; NULL: it can. */
const char *knob_file_why_fixed(const struct knob_file *file, struct host *host,
				const struct knob_file_parts *parts);
/* The CPUs a value names. -ENODATA: values of this file name none. */
int knob_file_cpus(const struct knob_file *file, const char *value, struct cpuset *ret);

#endif
