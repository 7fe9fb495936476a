#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/undo_internal.h"

static const char first_line[] = "jittertop-undo 1\n";

/* Half a byte at a time: large plans are read often. */
static uint32_t crc32_of(const char *text, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)text[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* --- writing --- */

/* Blanks too when it is one word of a line; the empty word is "\-". */
static void put_escaped(FILE *file, const char *text, bool is_word)
{
	if (is_word && !*text)
		(void)fputs("\\-", file);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c >= 0x7f || *c == '\\' || (is_word && *c == ' '))
			(void)fprintf(file, "\\x%02x", *c);
		else
			(void)fputc(*c, file);
	}
}

static void put_step(FILE *file, const struct plan_step *step)
{
	const char *const words[] = {
		step->is_later	    ? "later"
		: step->is_optional ? "try"
				    : "step",
		step->class->name,
		step->object,
		"old",
		step->old_value,
		"new",
		step->new_value,
		"identity",
		step->identity,
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (i > 0)
			(void)fputc(' ', file);
		put_escaped(file, words[i], true);
	}
	(void)fputc('\n', file);
}

static void put_header(FILE *file, const struct undo_header *header, const struct plan *plan)
{
	_cleanup_(freep) char *affected = xcalloc(1, CPUSET_TEXT_MAX);

	(void)cpuset_format_list(&plan->affected, affected, CPUSET_TEXT_MAX);
	(void)fprintf(file, "%sid %llu\nboot ", first_line, (unsigned long long)header->id);
	put_escaped(file, header->boot_id, true);
	(void)fprintf(file, "\nwho %lld ", (long long)header->who_pid);
	put_escaped(file, header->who_user, true);
	(void)fprintf(file, "\nstate %s\ntitle ", header->is_kept ? "kept" : "trial");
	put_escaped(file, plan->title, false);
	(void)fprintf(file, "\ndeadline %llu\naffected ",
		      (unsigned long long)header->deadline_boottime_ns);
	put_escaped(file, affected, true);
	(void)fputc('\n', file);
}

int undo_format(const struct undo_header *header, const struct plan *plan, char **ret_text,
		size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	if (!file)
		abort();
	put_header(file, header, plan);
	for (unsigned i = 0; i < plan->n_steps; i++)
		put_step(file, &plan->steps[i]);
	if (fflush(file))
		abort();
	(void)fprintf(file, "end %u %08x\n", plan->n_steps, crc32_of(text, len));
	if (fclose(file))
		abort();
	if (len > UNDO_FILE_MAX) {
		free(text);
		return -EFBIG;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

/* --- reading --- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Undoes put_escaped() into buf. Only the one spelling that put_escaped() writes is taken. */
static int unescape(const char *word, char *buf, size_t size, bool is_word)
{
	size_t n = 0;

	if (is_word && !strcmp(word, "\\-"))
		word = "";
	else if (is_word && !*word)
		return -EBADMSG;
	for (const char *c = word; *c; c++) {
		int byte = (unsigned char)*c;

		if (byte < ' ' || byte >= 0x7f || (is_word && byte == ' '))
			return -EBADMSG;
		if (byte == '\\') {
			int high = c[1] == 'x' ? hex_digit(c[2]) : -1;
			int low = high < 0 ? -1 : hex_digit(c[3]);

			if (low < 0)
				return -EBADMSG;
			byte = high * 16 + low;
			if (byte == 0)
				return -EBADMSG;
			c += 3;
		}
		if (n + 1 >= size)
			return -EBADMSG;
		buf[n++] = (char)byte;
	}
	buf[n] = '\0';
	return 0;
}

/* The rest of the next line when it starts with key and a blank, NUL in place of its newline. */
static char *next_line(char **at, const char *key)
{
	size_t skip = strlen(key);
	char *line = *at, *end = strchr(line, '\n');

	if (!end || strncmp(line, key, skip) != 0 || line[skip] != ' ')
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line + skip + 1;
}

/* Splits at single blanks in place; false unless there are exactly n words. */
static bool split(char *line, char **words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *blank = strchr(line, ' ');

		if (!blank != (i == n - 1))
			return false;
		words[i] = line;
		if (blank) {
			*blank = '\0';
			line = blank + 1;
		}
	}
	return true;
}

/* A number in its one spelling (no leading zeros). */
static int number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value;

	if (!text || parse_u64(text, &value) || value > max || (text[0] == '0' && text[1]))
		return -EBADMSG;
	*ret = value;
	return 0;
}

int undo_check_seal(const char *text, size_t len, size_t *ret_body_len, unsigned *ret_n_steps)
{
	char last[64], *words[3];
	uint64_t n_steps;

	if (len < sizeof(first_line) || len > UNDO_FILE_MAX || memchr(text, '\0', len) ||
	    memcmp(text, first_line, strlen(first_line)) != 0 || text[len - 1] != '\n')
		return -EBADMSG;
	size_t body = len - 1;
	while (body > 0 && text[body - 1] != '\n')
		body--;
	if (len - 1 - body >= sizeof(last))
		return -EBADMSG;
	memcpy(last, text + body, len - 1 - body);
	last[len - 1 - body] = '\0';
	if (!split(last, words, 3) || strcmp(words[0], "end") != 0 ||
	    number(words[1], PLAN_MAX_STEPS, &n_steps))
		return -EBADMSG;

	char crc[16];
	(void)snprintf(crc, sizeof(crc), "%08x", crc32_of(text, body));
	if (strcmp(crc, words[2]) != 0)
		return -EBADMSG;
	if (ret_body_len)
		*ret_body_len = body;
	if (ret_n_steps)
		*ret_n_steps = (unsigned)n_steps;
	return 0;
}

static const struct step_class *class_by_name(const struct step_class *const *classes,
					      const char *name)
{
	for (; *classes; classes++) {
		if (!strcmp((*classes)->name, name))
			return *classes;
	}
	return NULL;
}

/* A value of a step: parses by the class and is in its canonical form. */
static int parse_value(const struct step_class *class, const char *word, char *buf, size_t size)
{
	char normal[PLAN_VALUE_MAX];

	if (unescape(word, buf, size, true) || step_normalise(class, buf, normal, sizeof(normal)) ||
	    strcmp(normal, buf) != 0)
		return -EBADMSG;
	return 0;
}

static int parse_step(char *line, bool is_later, const struct step_class *const *classes,
		      struct plan *plan)
{
	char *words[8], path[STEP_PATH_MAX];
	char object[PLAN_OBJECT_MAX], identity[PLAN_OBJECT_MAX];
	char old_value[PLAN_VALUE_MAX], new_value[PLAN_VALUE_MAX];
	struct plan_step step = {.object = object,
				 .identity = identity,
				 .old_value = old_value,
				 .new_value = new_value,
				 .is_later = is_later};

	if (!line || !split(line, words, ARRAY_SIZE(words)) || strcmp(words[2], "old") != 0 ||
	    strcmp(words[4], "new") != 0 || strcmp(words[6], "identity") != 0)
		return -EBADMSG;
	step.class = class_by_name(classes, words[0]);
	if (!step.class || unescape(words[1], object, sizeof(object), true) ||
	    step.class->path(object, path, sizeof(path)) ||
	    parse_value(step.class, words[3], old_value, sizeof(old_value)) ||
	    parse_value(step.class, words[5], new_value, sizeof(new_value)) ||
	    unescape(words[7], identity, sizeof(identity), true) || (is_later && identity[0]))
		return -EBADMSG;
	return plan_append(plan, &step);
}

static int parse_any_step(char **at, const struct step_class *const *classes, struct plan *plan)
{
	char *line = next_line(at, "step");

	if (line)
		return parse_step(line, false, classes, plan);
	line = next_line(at, "later");
	if (line)
		return parse_step(line, true, classes, plan);
	int err = parse_step(next_line(at, "try"), false, classes, plan);
	if (!err)
		plan->steps[plan->n_steps - 1].is_optional = true;
	return err;
}

static int parse_who(char *line, struct undo_header *header)
{
	char *words[2];
	uint64_t pid;

	if (!line || !split(line, words, 2) || number(words[0], INT_MAX, &pid) ||
	    unescape(words[1], header->who_user, sizeof(header->who_user), true))
		return -EBADMSG;
	header->who_pid = (pid_t)pid;
	return 0;
}

static int parse_affected(const char *line, struct cpuset *ret)
{
	_cleanup_(freep) char *list = xcalloc(1, CPUSET_TEXT_MAX);

	if (!line || unescape(line, list, CPUSET_TEXT_MAX, true) || cpuset_parse_list(list, ret))
		return -EBADMSG;
	return 0;
}

static int parse_header(char **at, struct undo_header *header, struct plan *plan)
{
	const char *line;

	if (number(next_line(at, "id"), UINT32_MAX, &header->id))
		return -EBADMSG;
	line = next_line(at, "boot");
	if (!line || unescape(line, header->boot_id, sizeof(header->boot_id), true))
		return -EBADMSG;
	if (parse_who(next_line(at, "who"), header))
		return -EBADMSG;
	line = next_line(at, "state");
	if (!line || (strcmp(line, "trial") != 0 && strcmp(line, "kept") != 0))
		return -EBADMSG;
	header->is_kept = line[0] == 'k';
	line = next_line(at, "title");
	if (!line || unescape(line, plan->title, sizeof(plan->title), false))
		return -EBADMSG;
	if (number(next_line(at, "deadline"), UINT64_MAX, &header->deadline_boottime_ns))
		return -EBADMSG;
	return parse_affected(next_line(at, "affected"), &plan->affected);
}

int undo_parse(const char *text, size_t len, const struct step_class *const *classes,
	       struct undo_header *ret_header, struct plan *ret_plan)
{
	size_t body;
	unsigned n_steps;
	int err = undo_check_seal(text, len, &body, &n_steps);

	if (err || n_steps == 0)
		return -EBADMSG;

	_cleanup_(freep) char *copy = xcalloc(1, body + 1);
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct undo_header header = {0};
	char *at = copy + strlen(first_line);

	memcpy(copy, text, body);
	err = parse_header(&at, &header, plan);
	for (unsigned i = 0; !err && i < n_steps; i++)
		err = parse_any_step(&at, classes, plan);
	if (err || *at)
		return -EBADMSG;
	*ret_header = header;
	plan_move(ret_plan, plan);
	return 0;
}
