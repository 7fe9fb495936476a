#include "probes/cmdline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void keep(char *buf, size_t size, size_t *used, char c)
{
	if (*used + 1 < size)
		buf[(*used)++] = c;
}

bool cmdline_next(const char **at, char *name, size_t name_size, char *value, size_t value_size)
{
	const char *p = *at + strspn(*at, " \t\n");
	size_t n_name = 0, n_value = 0;
	bool is_quoted = false, in_value = false;

	for (; *p && (is_quoted || !strchr(" \t\n", *p)); p++) {
		if (*p == '"')
			is_quoted = !is_quoted;
		else if (*p == '=' && !in_value)
			in_value = true;
		else if (in_value)
			keep(value, value_size, &n_value, *p);
		else
			keep(name, name_size, &n_name, *p == '-' ? '_' : *p);
	}
	bool is_end = p == *at + strspn(*at, " \t\n");

	name[n_name] = '\0';
	value[n_value] = '\0';
	*at = p;
	/* What follows "--" is for init. */
	return !is_end && strcmp(name, "__");
}

bool cmdline_value(const char *text, const char *name, char *value, size_t size)
{
	char word[64];
	_cleanup_(freep) char *last = xcalloc(1, size);
	bool is_found = false;

	while (cmdline_next(&text, word, sizeof(word), last, size)) {
		if (strcmp(word, name))
			continue;
		memcpy(value, last, size);
		is_found = true;
	}
	return is_found;
}

/* "8-N" -> "8-127"; the kernel knows N since linux 5.12. */
static int replace_n(const char *value, unsigned n_cpus, char *buf, size_t size)
{
	size_t used = 0;

	for (; *value; value++) {
		int n = *value == 'N' ? snprintf(buf + used, size - used, "%u", n_cpus - 1)
				      : snprintf(buf + used, size - used, "%c", *value);

		if (n < 0 || used + (size_t)n >= size)
			return -ERANGE;
		used += (size_t)n;
	}
	buf[used] = '\0';
	return 0;
}

int cmdline_cpus(const char *value, unsigned n_cpus, struct cpuset *ret)
{
	char list[4096];

	if (!strcmp(value, "all"))
		value = "0-N";
	if (!n_cpus && strchr(value, 'N'))
		return -EINVAL;
	int r = replace_n(value, n_cpus, list, sizeof(list));

	return r < 0 ? r : cpuset_parse_list(list, ret);
}

int cmdline_isolcpus(const char *value, unsigned n_cpus, char *flags, size_t size,
		     struct cpuset *ret)
{
	size_t used = 0;

	/* Flags come first and begin with a letter; so do "all" and "N" of a list. */
	while (*value >= 'a' && *value <= 'z' && strcmp(value, "all")) {
		size_t n = strcspn(value, ",");

		if (used + n + 2 <= size) {
			if (used)
				flags[used++] = ',';
			memcpy(flags + used, value, n);
			used += n;
		}
		value += n;
		value += *value == ',';
	}
	if (size)
		flags[used] = '\0';
	return cmdline_cpus(value, n_cpus, ret);
}
