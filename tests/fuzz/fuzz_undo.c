/* undo_parse(): what is taken comes out of undo_format() byte for byte. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/undo_internal.h"
#include "probes/probes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	_cleanup_(freep) char *again = NULL;
	struct undo_header header;
	size_t again_len;
	int err = undo_parse(text, len, step_class_registry, &header, plan);

	assert(err == 0 || err == -EBADMSG);
	if (err)
		return;
	assert(undo_check_seal(text, len, NULL, NULL) == 0);
	assert(plan->n_steps > 0 && plan->n_steps <= PLAN_MAX_STEPS);
	assert(undo_format(&header, plan, &again, &again_len) == 0);
	/* The list of affected CPUs may come in another spelling; everything else has one. */
	assert(undo_parse(again, again_len, step_class_registry, &header, plan) == 0);
}

static uint32_t crc32_of(const char *text, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)text[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ UINT32_C(0xedb88320) : crc >> 1;
	}
	return ~crc;
}

/* Random bytes never have the right sum: the second attempt is sealed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char start[] = "jittertop-undo 1\n";
	_cleanup_(freep) char *text = xcalloc(1, size + 128);
	unsigned n_steps = 0;
	size_t len = strlen(start);

	if (size > UNDO_FILE_MAX)
		return 0;
	memcpy(text, data, size);
	check(text, size);

	memcpy(text, start, len);
	memcpy(text + len, data, size);
	len += size;
	if (len > 0 && text[len - 1] != '\n')
		text[len++] = '\n';
	text[len] = '\0';
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		n_steps += !strncmp(at, "\nstep ", 6) || !strncmp(at, "\nlater ", 7);
	len += (size_t)snprintf(text + len, 64, "end %u %08x\n", n_steps, crc32_of(text, len));
	check(text, len);
	return 0;
}
