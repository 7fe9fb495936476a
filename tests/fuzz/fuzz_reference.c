/* What cyclictest, oslat and the timerlat tracer print. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/reference_internal.h"
#include "core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cpu(const struct reference_cpu *cpu)
{
	const struct histogram *h = &cpu->histogram;
	uint64_t total = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->counts[i];
	assert(total == h->total && cpu->above <= h->total);
	assert(!h->total || h->min_ns <= h->max_ns);
	assert(!h->counts[histogram_bucket(0)] || h->min_ns < 4);
}

static void parse(const struct engine *engine, char *text, size_t len, uint64_t unit_ns)
{
	struct reference_setup setup = {
		.engine = engine, .unit_ns = unit_ns, .limit_ns = 30 * NSEC_PER_USEC};
	struct reference_output output = {
		.json = text, .json_len = len, .text = text, .text_len = len};
	_cleanup_(freep) struct reference_cpu *cpus = xcalloc(2, sizeof(*cpus));
	char version[32], why[128] = "";
	uint64_t duration_ns = 1;

	for (unsigned i = 0; i < 2; i++) {
		cpus[i].cpu = i;
		histogram_zero(&cpus[i].histogram);
		cpuset_add(&setup.options.cpus, i);
	}

	int err = engine->reference->parse(&setup, &output, cpus, &duration_ns, version,
					   sizeof(version), why, sizeof(why));
	assert(err ? err == -EBADMSG && why[0] : text_is_clean(version, strlen(version)));
	for (unsigned i = 0; !err && i < 2; i++)
		check_cpu(&cpus[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xcalloc(1, size + 1);
	struct reference_trace_line line;
	uint64_t thread, value;

	memcpy(text, data, size);
	parse(&engine_cyclictest, text, size, 1);
	parse(&engine_cyclictest, text, size, NSEC_PER_USEC);
	parse(&engine_oslat, text, size, NSEC_PER_USEC);
	for (const char *at = text; at < text + size;) {
		const char *end = memchr(at, '\n', (size_t)(text + size - at));
		size_t len = (size_t)((end ? end : text + size) - at);

		if (reference_parse_timerlat(at, len, &line))
			assert(line.context <= REFERENCE_USER_RETURN);
		if (reference_parse_spike(at, len, &thread, &value))
			assert(len > 2 && !memcmp(at, "T:", 2));
		at += len + 1;
	}
	return 0;
}
