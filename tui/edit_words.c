/* Choices that are a list of words: "performance|powersave", "us: 0|1|40". */
#include <stdio.h>
#include <string.h>

#include "tui/ui_internal.h"

/* What stands before the first word says what they are. */
static const char *first_word(const char *choices)
{
	const char *colon = strstr(choices, ": "), *bar = strchr(choices, '|');

	return colon && bar && colon < bar ? colon + 2 : choices;
}

unsigned choice_count(const char *choices)
{
	unsigned n = 1;

	choices = first_word(choices);
	for (const char *at = choices; *at; at++) {
		n += *at == '|';
		if (*at == ' ' || (*at == '|' && (at == choices || at[1] == 0 || at[1] == '|')))
			return 0;
	}
	return n > 1 ? n : 0;
}

const char *choice_at(const char *choices, unsigned i, char *buf, size_t size)
{
	const char *at = first_word(choices);

	for (; i > 0 && *at; i--) {
		at += strcspn(at, "|");
		at += *at == '|';
	}
	snprintf(buf, size, "%.*s", (int)strcspn(at, "|"), at);
	return buf;
}

int choice_find(const char *choices, const char *value)
{
	unsigned n = choice_count(choices);
	char word[128];

	for (unsigned i = 0; i < n; i++) {
		if (strcmp(choice_at(choices, i, word, sizeof(word)), value) == 0)
			return (int)i;
	}
	return -1;
}
