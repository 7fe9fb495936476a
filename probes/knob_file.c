/* The step class side of knobs that are plain files: names, paths, values. */
#include "probes/knob_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/cpus.h"
#include "probes/knob_file_internal.h"

/* --- names --- */

static bool is_number(const char *text)
{
	uint64_t number;

	return !parse_u64(text, &number) && number <= KNOB_FILE_NUMBER_MAX &&
	       (text[0] != '0' || !text[1]);
}

static bool is_name(const char *text)
{
	for (const char *c = text; *c; c++) {
		if (strchr(" /*?", *c)) /* '*' and '?' stand for several */
			return false;
	}
	return text[0] && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
	       text_is_clean(text, strlen(text));
}

/* Cuts what the wildcard at pattern stands for out of text, up to the pattern's next character. */
static int cut_part(const char *pattern, const char **text, char *part)
{
	char stop[] = {pattern[1], '\0'};
	size_t len = pattern[1] ? strcspn(*text, stop) : strlen(*text);

	/* "hugepages-#kB", "policy#": digits end by themselves. */
	if (*pattern == '#')
		len = strspn(*text, "0123456789");
	if (len == 0 || len >= KNOB_FILE_NAME_MAX)
		return -EINVAL;
	memcpy(part, *text, len);
	part[len] = '\0';
	*text += len;
	return *pattern == '#' ? (is_number(part) ? 0 : -EINVAL) : (is_name(part) ? 0 : -EINVAL);
}

int knob_file_match(const char *pattern, size_t pattern_len, const char *text,
		    struct knob_file_parts *parts)
{
	const char *end = pattern + pattern_len;

	for (; pattern < end; pattern++) {
		if (*pattern != '#' && *pattern != '*') {
			if (*pattern != *text)
				return -EINVAL;
			text++;
			continue;
		}
		/* A directory's name ends where its pattern does. */
		char wildcard[] = {*pattern, pattern + 1 < end ? pattern[1] : '\0', '\0'};
		if (parts->n == KNOB_FILE_PARTS || cut_part(wildcard, &text, parts->text[parts->n]))
			return -EINVAL;
		parts->n++;
	}
	return *text ? -EINVAL : 0;
}

int knob_file_parse(const struct knob_file *file, const char *object, struct knob_file_parts *ret)
{
	struct knob_file_parts parts = {0};
	int err = knob_file_match(file->key, strlen(file->key), object, &parts);

	if (!err)
		*ret = parts;
	return err;
}

int knob_file_expand(const char *pattern, const struct knob_file_parts *parts, char *buf,
		     size_t size)
{
	unsigned part = 0;
	size_t len = 0;

	for (; *pattern; pattern++) {
		char literal[] = {*pattern, '\0'};
		bool is_part = *pattern == '#' || *pattern == '*';

		if (is_part && part >= parts->n)
			return -EINVAL;
		const char *text = is_part ? parts->text[part++] : literal;
		size_t text_len = strlen(text);

		if (len + text_len >= size)
			return -ENOSPC;
		memcpy(buf + len, text, text_len);
		len += text_len;
	}
	buf[len] = '\0';
	return 0;
}

int knob_file_path(const struct knob_file *file, const char *object, char *buf, size_t size)
{
	struct knob_file_parts parts;
	int err = knob_file_parse(file, object, &parts);

	return err ? err : knob_file_expand(file->path, &parts, buf, size);
}

/* --- values --- */

/* debugfs marks the choice with parentheses (sched/preempt, kernel/sched/debug.c). */
static void to_brackets(char *text)
{
	char *open = strchr(text, '('), *end = open ? strchr(open, ')') : NULL;

	if (!end || strchr(text, '['))
		return;
	*open = '[';
	*end = ']';
}

ssize_t knob_file_read_parts(const struct knob_file *file, struct host *host,
			     const struct knob_file_parts *parts, char *buf, size_t size)
{
	char path[512];
	ssize_t len = -ENOENT;
	int err = 0;

	if (file->read_path) {
		err = knob_file_expand(file->read_path, parts, path, sizeof(path));
		len = err ? err : host_read(host, path, buf, size);
	}
	if (!err && len < 0 && errno_is_absent((int)-len)) {
		err = knob_file_expand(file->path, parts, path, sizeof(path));
		len = err ? err : host_read(host, path, buf, size);
	}
	if (len >= 0 && file->compare == STEP_WORD)
		to_brackets(buf);
	return len;
}

const char *knob_file_why_fixed(const struct knob_file *file, struct host *host,
				const struct knob_file_parts *parts)
{
	char path[512];

	if (file->read_only)
		return file->read_only;
	if (knob_file_expand(file->path, parts, path, sizeof(path)) ||
	    !host_is_read_onlyf(host, "%s", path))
		return NULL;
	return file->fixed ? file->fixed : "this kernel only shows it";
}

ssize_t knob_file_read(const struct knob_file *file, struct host *host, const char *object,
		       char *buf, size_t size)
{
	struct knob_file_parts parts;
	int err = knob_file_parse(file, object, &parts);

	return err ? err : knob_file_read_parts(file, host, &parts, buf, size);
}

int knob_file_identity(const struct knob_file *file, struct host *host, const char *object,
		       char *buf, size_t size)
{
	char path[512], text[PLAN_VALUE_MAX];
	struct knob_file_parts parts;
	int err = knob_file_parse(file, object, &parts);

	if (err)
		return err;
	/* Read and not asked for: a passing error is not absence, and what is taken for absent is
	 * never taken back. */
	ssize_t len = knob_file_read_parts(file, host, &parts, text, sizeof(text));
	if (len < 0)
		return (int)len;
	text[0] = '\0';
	if (file->identity_path) {
		err = knob_file_expand(file->identity_path, &parts, path, sizeof(path));
		len = err ? err : host_read(host, path, text, sizeof(text));
		if (len < 0)
			return (int)len;
	}
	(void)text_sanitise(text, strlen(text), buf, size);
	for (char *c = buf; *c; c++) {
		if (*c == ' ')
			*c = '_';
	}
	return 0;
}

/* "[a] b  c" to "a|b|c". */
static int join_words(const char *text, char *buf, size_t size)
{
	static const char blanks[] = " \t\n[]";
	size_t len = 0;

	for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
		size_t word = strcspn(text, blanks);

		if (len + word + 2 > size)
			return -ENOSPC;
		if (len)
			buf[len++] = '|';
		memcpy(buf + len, text, word);
		len += word;
		text += word;
	}
	buf[len] = '\0';
	return 0;
}

int knob_file_words(const struct knob_file *file, struct host *host,
		    const struct knob_file_parts *parts, char *buf, size_t size)
{
	char path[512], text[PLAN_VALUE_MAX];

	buf[0] = '\0';
	if (file->choices_path) {
		int err = knob_file_expand(file->choices_path, parts, path, sizeof(path));
		ssize_t len = err ? err : host_read(host, path, text, sizeof(text));

		if (len > 0)
			return join_words(text, buf, size);
	}
	if (file->compare == STEP_WORD &&
	    knob_file_read_parts(file, host, parts, text, sizeof(text)) > 0 && strchr(text, '['))
		return join_words(text, buf, size);
	int len = file->words ? snprintf(buf, size, "%s", file->words) : 0;
	return (size_t)len >= size ? -ENOSPC : 0;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, word, len) && (at[len] == '|' || !at[len]))
			return true;
	}
	return false;
}

static int check_range(const struct knob_file *file, const char *object, const char *value,
		       char *why, size_t why_size)
{
	int64_t number;

	if (file->min == 0 && file->max == 0)
		return 0;
	int err = parse_i64(value, &number);
	if (!err && number >= file->min && number <= file->max)
		return 0;
	(void)snprintf(why, why_size, "%s: %.64s is out of its range: %lld to %lld%s%s", object,
		       value, (long long)file->min, (long long)file->max, file->unit ? " " : "",
		       file->unit ? file->unit : "");
	return -ERANGE;
}

static int check_cpus(const struct knob_file *file, struct host *host, const char *object,
		      const struct cpuset *wish, char *why, size_t why_size)
{
	char list[256] = "";
	struct cpuset possible;

	if (cpuset_is_empty(wish) && !file->may_be_empty) {
		(void)snprintf(why, why_size, "%s: needs at least one CPU", object);
		return -EINVAL;
	}
	if (cpus_possible(host, &possible) || cpuset_is_subset(wish, &possible))
		return 0;
	(void)cpuset_format_list(&possible, list, sizeof(list));
	(void)snprintf(why, why_size, "%s: names CPUs that are not there: this host has %s", object,
		       list);
	return -EINVAL;
}

int knob_file_cpus(const struct knob_file *file, const char *value, struct cpuset *ret)
{
	switch (file->compare) {
	case STEP_CPULIST:
		return cpuset_parse_list(value, ret);
	case STEP_CPUMASK:
		return cpuset_parse_mask(value, ret);
	case STEP_U64:
	case STEP_I64:
	case STEP_WORD:
	case STEP_TEXT:
		break;
	}
	return -ENODATA;
}

int knob_file_check(const struct knob_file *file, struct host *host, const char *object,
		    const char *value, char *why, size_t why_size)
{
	char words[1024];
	struct knob_file_parts parts;
	struct cpuset wish;
	int err = knob_file_parse(file, object, &parts);

	if (err)
		return err;
	const char *fixed = knob_file_why_fixed(file, host, &parts);
	if (fixed) {
		(void)snprintf(why, why_size, "%s: %s", object, fixed);
		return -EPERM;
	}
	if (!knob_file_words(file, host, &parts, words, sizeof(words)) && words[0] &&
	    !has_word(words, value)) {
		(void)snprintf(why, why_size, "%s: %.64s is none of %s", object, value, words);
		return -EINVAL;
	}
	if (!words[0])
		err = check_range(file, object, value, why, why_size);
	if (!err && !knob_file_cpus(file, value, &wish))
		err = check_cpus(file, host, object, &wish, why, why_size);
	if (!err && file->check)
		err = file->check(host, &parts, value, why, why_size);
	return err;
}

/* --- words --- */

static const struct knob_file_error general_errors[] = {
	{EINVAL, "the kernel does not take this value"},
	{ERANGE, "the kernel does not take this value: out of its range"},
	{EACCES, "refused: it takes root, outside of containers"},
	{EPERM, "refused: it takes root, outside of containers, and a kernel without lockdown"},
	{EROFS, "read only here (a container's /proc/sys or /sys, or a captured host): run it on "
		"the host itself"},
	{EBUSY, "in use: try again when it is not"},
	{ENOENT, "it has gone"},
	{ENODEV, "it has gone"},
	{EOPNOTSUPP, "this hardware or its driver cannot do it"},
	{ENOMEM, "memory is full: free some"},
	{EINTR, "interrupted"},
	{0, NULL},
};

const char *knob_file_explain(const struct knob_file *file, int err)
{
	for (const struct knob_file_error *at = file->errors; at && at->err; at++) {
		if (at->err == err)
			return at->why;
	}
	for (const struct knob_file_error *at = general_errors; at->err; at++) {
		if (at->err == err)
			return at->why;
	}
	return NULL;
}

#define DEBUGFS "sys/kernel/debug"

/* "integrity" of "none [integrity] confidentiality"; "" without lockdown. */
static void read_lockdown(struct host *host, char *buf, size_t size)
{
	char text[128];
	ssize_t len = host_read(host, "sys/kernel/security/lockdown", text, sizeof(text));
	const char *open = len > 0 ? strchr(text, '[') : NULL;
	const char *end = open ? strchr(open, ']') : NULL;

	buf[0] = '\0';
	if (end && strncmp(open, "[none]", 6) != 0)
		(void)snprintf(buf, size, "%.*s", (int)(end - open - 1), open + 1);
}

static bool is_debugfs_mounted(struct host *host)
{
	struct host_names names;

	if (host_listf(host, &names, DEBUGFS))
		return false;
	bool is_mounted = names.n > 0;
	host_names_done(&names);
	return is_mounted;
}

void knob_file_why_unreadable(const struct knob_file *file, struct host *host, int err, char *buf,
			      size_t size)
{
	bool is_debugfs = !strncmp(file->path, DEBUGFS "/", sizeof(DEBUGFS));
	char lockdown[32];
	const char *why = NULL;

	read_lockdown(host, lockdown, sizeof(lockdown));
	if (is_debugfs && lockdown[0] && errno_is_denied(-err)) {
		(void)snprintf(buf, size,
			       "kernel lockdown (%s, as with Secure Boot) closes debugfs",
			       lockdown);
		return;
	}
	if (is_debugfs && errno_is_absent(-err) && !is_debugfs_mounted(host))
		why = "debugfs is not mounted, or not to be looked into: as root, mount -t debugfs "
		      "debugfs /sys/kernel/debug";
	else if (errno_is_absent(-err))
		why = file->absent ? file->absent : "this kernel has none";
	else if (errno_is_denied(-err))
		why = file->denied ? file->denied
				   : "refused: it takes root, outside of containers, "
				     "and a kernel without lockdown";
	(void)snprintf(buf, size, "%s", why ? why : strerror(-err));
}
