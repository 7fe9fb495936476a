/*
 * For the fuzz targets of probes: the input becomes the content of files of a fake host and the
 * probes run twice on it. Whatever they make of it, text in a sample is sanitised, a failure has a
 * reason, and keys begin with their kind.
 */
#ifndef JT_TESTS_FUZZ_PROBE_INPUT_H
#define JT_TESTS_FUZZ_PROBE_INPUT_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe.h"
#include "core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void probe_check_row(const struct metric_set *set, const struct sample_row *row)
{
	size_t len = strlen(set->kind);

	assert(!strncmp(row->key, set->kind, len) && (row->key[len] == ':' || !row->key[len]));
	assert(text_is_clean(row->key, strlen(row->key)));
	for (unsigned i = 0; i < row->n_values; i++) {
		const struct value *value = &row->values[i];

		if (value->state == VALUE_OK && set->metrics[i].type == METRIC_TEXT)
			assert(text_is_clean(value->text, strlen(value->text)));
	}
}

static inline void probe_run_once(const struct probe *probe, void *state, struct host *host,
				  struct sample *out)
{
	sample_reset(out);
	out->time_ns = host_now_ns(host);
	sample_finish(out, probe->sample(state, host, out));
	assert(out->status == SAMPLE_OK || out->error);
	for (unsigned s = 0; s < probe->n_sets; s++) {
		for (unsigned i = 0; i < out->tables[s].n_rows; i++)
			probe_check_row(&probe->sets[s], &out->tables[s].rows[i]);
	}
}

static inline void probe_run(const struct probe *probe, struct host *host)
{
	void *state = xcalloc(1, probe->state_size);
	struct sample *out = sample_new(probe);

	if (!probe->open || probe->open(state, host) == 0) {
		probe_run_once(probe, state, host, out);
		host_fake_clock(host, 60 * NSEC_PER_SEC);
		probe_run_once(probe, state, host, out);
	}
	if (probe->close)
		probe->close(state);
	sample_free(out);
	free(state);
}

/* The input as text; the rest behind a NUL is lost, as it would be on the way here. */
static inline struct host *probe_host(const uint8_t *data, size_t size, const char *const *paths,
				      unsigned n)
{
	char *text = xcalloc(1, size + 1);
	struct host *host = NULL;

	memcpy(text, data, size);
	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	for (unsigned i = 0; i < n; i++)
		host_fake_file(host, paths[i], text);
	free(text);
	return host;
}

#endif
