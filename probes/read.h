/*
 * Private to probes/: the few ways in which probes turn a file into one value and note what went
 * wrong. Absent is a state of the value, not an error; a sample keeps the first file that was
 * denied or faulty as "path: reason", so that a probe that read the rest stays SAMPLE_OK and says
 * so.
 */
#ifndef JT_PROBES_READ_H
#define JT_PROBES_READ_H

#include "core/host.h"
#include "core/sample.h"

/* Notes "PATH: reason" unless absent or something is noted already. Returns err (negative). */
int read_note(struct sample *out, int err, const char *path);
int read_notef(struct sample *out, int err, const char *fmt, ...) _printf_(3, 4);
/* The same, absent included: for the file without which the probe has nothing to say. */
int read_fail(struct sample *out, int err, const char *path);

/* In words, for a file: EINVAL is "not in the expected format". err: negative. */
const char *read_reason(int err);

/* One file, one value of a row. */
void read_textf(struct host *host, struct sample *out, struct sample_row *row, unsigned metric,
		const char *fmt, ...) _printf_(5, 6);
void read_u64f(struct host *host, struct sample *out, struct sample_row *row, unsigned metric,
	       const char *fmt, ...) _printf_(5, 6);

/* Kept open, one value. *file may point to NULL. */
void read_kept_u64(struct host *host, struct host_file **file, struct sample *out,
		   struct sample_row *row, unsigned metric, const char *path);
/* "always [madvise] never" gives "madvise"; text without brackets is taken as it is. */
void read_kept_choice(struct host *host, struct host_file **file, struct sample *out,
		      struct sample_row *row, unsigned metric, const char *path);
/* The bracketed word of text, cut out into buf; the whole text when there are no brackets. */
void read_choice(const char *text, char *buf, size_t size);

/* "cpu12", prefix "cpu" gives 12. False: another name. */
int read_numbered(const char *name, const char *prefix, unsigned *ret) _must_check_;
/* Text without the blanks at its end, which sysfs likes to add. In place. */
char *read_trim(char *text);

#endif
