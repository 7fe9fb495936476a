/*
 * What cyclictest and oslat write (--json; rt-tests 2.0 to 2.7), and cyclictest's lines of spikes.
 *
 *   {"rt_test_version:": "2.40", "return_code": 0, "num_threads": 2, "thread": {
 *     "0": {"histogram": {"15": 4, ...}, "cycles": 2000, "min": 15, "max": 78, "cpu": 0}, ...}}
 *
 * Strict: every thread must be one of the CPUs asked for, each once, with whole numbers in range.
 * json-c spends many times the size of the text, so size, tokens and depth are bounded before it
 * sees the text.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/reference_internal.h"

/* More than a day as nanoseconds, and small enough that no product below overflows. */
#define VALUE_MAX INT64_C(1000000000000)
#define COUNT_MAX INT64_C(1000000000000000)

struct parser {
	const struct reference_setup *setup;
	char *why;
	size_t why_size;
};

static int fail(const struct parser *parser, const char *fmt, ...) _printf_(2, 3);
static int fail(const struct parser *parser, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(parser->why, parser->why_size, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

static void put_object(struct json_object **object)
{
	json_object_put(*object);
}

static void free_tokener(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

/* Every value is followed or preceded by one of these; those within strings only add to the count.
 */
static bool has_too_many_tokens(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len && n <= REFERENCE_JSON_TOKENS; i++)
		n += text[i] == ',' || text[i] == ':' || text[i] == '{' || text[i] == '[';
	return n > REFERENCE_JSON_TOKENS;
}

static int parse_json(const struct parser *parser, const char *text, size_t len,
		      struct json_object **ret)
{
	if (!len)
		return fail(parser, "it wrote no result");
	if (len > REFERENCE_OUTPUT_MAX || has_too_many_tokens(text, len))
		return fail(parser, "its result is too large");

	_cleanup_(free_tokener) struct json_tokener *tokener =
		json_tokener_new_ex(REFERENCE_JSON_DEPTH);
	if (!tokener)
		return fail(parser, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);

	struct json_object *root = json_tokener_parse_ex(tokener, text, (int)len);
	size_t end = json_tokener_get_parse_end(tokener);

	/* STRICT takes no white space behind; a last newline is what every text file has. */
	while (end < len && (text[end] == '\n' || text[end] == ' '))
		end++;
	if (!json_object_is_type(root, json_type_object) || end != len) {
		json_object_put(root);
		return fail(parser, "its result is not the JSON it should be");
	}
	*ret = root;
	return 0;
}

/* A whole number from 0 to max. */
static bool get_number(const struct json_object *object, const char *name, int64_t max,
		       uint64_t *ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return false;

	int64_t number = json_object_get_int64(value);
	if (number < 0 || number > max)
		return false;
	*ret = (uint64_t)number;
	return true;
}

static void get_version(const struct json_object *root, char *buf, size_t size)
{
	struct json_object *value;
	const char *text = "";

	/* The colon within the name is in every release so far. */
	if (json_object_object_get_ex(root, "rt_test_version:", &value) ||
	    json_object_object_get_ex(root, "rt_test_version", &value))
		text = json_object_is_type(value, json_type_string) ? json_object_get_string(value)
								    : "";
	(void)snprintf(buf, size, "%s", "");
	/* Digits and dots only: it is shown. */
	if (*text && strlen(text) < 16 && strspn(text, "0123456789.") == strlen(text))
		(void)snprintf(buf, size, "rt-tests %s", text);
}

static struct reference_cpu *find_cpu(const struct reference_setup *setup,
				      struct reference_cpu *cpus, uint64_t cpu)
{
	unsigned n = cpuset_count(&setup->options.cpus);

	for (unsigned i = 0; i < n; i++) {
		if (cpus[i].cpu == cpu)
			return &cpus[i];
	}
	return NULL;
}

struct thread_json {
	struct json_object *object, *histogram;
	struct reference_cpu *cpu;
};

static int get_thread(const struct parser *parser, const struct json_object *threads, unsigned i,
		      struct reference_cpu *cpus, struct thread_json *ret)
{
	char name[16];
	uint64_t cpu;

	(void)snprintf(name, sizeof(name), "%u", i);
	if (!json_object_object_get_ex(threads, name, &ret->object) ||
	    !json_object_is_type(ret->object, json_type_object) ||
	    !json_object_object_get_ex(ret->object, "histogram", &ret->histogram) ||
	    !json_object_is_type(ret->histogram, json_type_object) ||
	    !get_number(ret->object, "cpu", CPUSET_MAX - 1, &cpu))
		return fail(parser, "its result lacks thread %u", i);
	ret->cpu = find_cpu(parser->setup, cpus, cpu);
	if (!ret->cpu)
		return fail(parser, "it measured cpu %llu, which nobody asked for",
			    (unsigned long long)cpu);
	if (ret->cpu->histogram.total)
		return fail(parser, "it measured cpu %llu twice", (unsigned long long)cpu);
	return 0;
}

static int get_threads(const struct parser *parser, const struct json_object *root,
		       struct json_object **ret)
{
	unsigned n = cpuset_count(&parser->setup->options.cpus);
	uint64_t status = 0;

	if (!get_number(root, "return_code", 255, &status) || status)
		return fail(parser, "it says that it failed");
	if (!json_object_object_get_ex(root, "thread", ret) ||
	    !json_object_is_type(*ret, json_type_object) ||
	    json_object_object_length(*ret) != (int)n)
		return fail(parser, "its result is not for the %u CPUs asked for", n);
	return 0;
}

/* Exact extremes where the reference gives them: the buckets only say where they lie. */
static void set_extremes(struct histogram *h, uint64_t min_ns, uint64_t max_ns)
{
	h->min_ns = min_ns;
	h->max_ns = max_ns;
}

/* --- cyclictest --- */

struct counted {
	uint64_t n, lowest, highest;
};

static int count_cyclictest(const struct parser *parser, const struct thread_json *thread,
			    struct counted *ret)
{
	*ret = (struct counted){.lowest = UINT64_MAX};
	json_object_object_foreach(thread->histogram, key, value)
	{
		uint64_t at, n;

		if (parse_u64(key, &at) || at > VALUE_MAX ||
		    !get_number(thread->histogram, key, COUNT_MAX, &n) ||
		    at * parser->setup->unit_ns >= parser->setup->limit_ns)
			return fail(parser, "its histogram has a strange bucket");
		(void)value;
		reference_count(&thread->cpu->histogram, at * parser->setup->unit_ns, n);
		ret->n += n;
		ret->lowest = at < ret->lowest ? at : ret->lowest;
		ret->highest = at > ret->highest ? at : ret->highest;
	}
	return 0;
}

static int parse_cyclictest_thread(const struct parser *parser, const struct thread_json *thread,
				   uint64_t *ret_cycles)
{
	uint64_t unit = parser->setup->unit_ns, cycles, min = 0, max = 0;
	struct counted counted;
	int err = count_cyclictest(parser, thread, &counted);

	if (err)
		return err;
	if (!get_number(thread->object, "cycles", COUNT_MAX, &cycles) || cycles < counted.n)
		return fail(parser, "its counts do not add up");
	if (cycles && (!get_number(thread->object, "min", VALUE_MAX, &min) ||
		       !get_number(thread->object, "max", VALUE_MAX, &max) || min > max ||
		       (counted.n && (min > counted.lowest || max < counted.highest))))
		return fail(parser, "its extremes do not fit its histogram");

	uint64_t above = cycles - counted.n;
	if (above && max * unit < parser->setup->limit_ns)
		return fail(parser, "its counts do not add up");
	if (above) {
		/* The largest is known; what the others were, the spikes may tell. */
		reference_count(&thread->cpu->histogram, max * unit, 1);
		thread->cpu->above = above - 1;
	}
	if (cycles)
		set_extremes(&thread->cpu->histogram, min * unit, max * unit);
	*ret_cycles = cycles;
	return 0;
}

bool reference_parse_spike(const char *line, size_t len, uint64_t *ret_thread, uint64_t *ret_value)
{
	char copy[96];
	const char *word;
	size_t word_len;
	uint64_t thread, value;

	if (len >= sizeof(copy) || memchr(line, '\0', len))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	/* The colon behind the number would not be one to the scanner. */
	char *colon = strrchr(copy, 'T');
	if (!colon || colon == copy || strncmp(colon, "TS:", 3) || strncmp(copy, "T:", 2))
		return false;
	while (colon > copy && *colon != ':')
		colon--;
	*colon = ' ';

	struct scan scan = {copy + 2};
	if (scan_u64(&scan, &thread) || scan_word(&scan, &word, &word_len) || word_len != 6 ||
	    memcmp(word, "Spike:", 6) || scan_u64(&scan, &value) || value > VALUE_MAX)
		return false;
	*ret_thread = thread;
	*ret_value = value;
	return true;
}

/* Spikes are values at or above the limit that were not counted in the histogram. One of them is
 * the maximum, which has been counted. */
static void take_spikes(const struct reference_setup *setup, const struct reference_output *output,
			struct thread_json *threads, unsigned n)
{
	if (!output->text_len)
		return;

	_cleanup_(freep) bool *has_max = xcalloc(n, sizeof(*has_max));
	const char *end = output->text + output->text_len;

	for (const char *line = output->text, *next; line && line < end; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		uint64_t thread, value;

		next = newline ? newline + 1 : end;
		if (!reference_parse_spike(line, (size_t)((newline ? newline : end) - line),
					   &thread, &value) ||
		    thread >= n)
			continue;

		struct reference_cpu *cpu = threads[thread].cpu;
		uint64_t ns = value * setup->unit_ns;

		if (ns < setup->limit_ns || ns > cpu->histogram.max_ns)
			continue;
		if (ns == cpu->histogram.max_ns && !has_max[thread]) {
			has_max[thread] = true;
		} else if (cpu->above) {
			reference_count(&cpu->histogram, ns, 1);
			cpu->above--;
		}
	}
}

int reference_parse_cyclictest(const struct reference_setup *setup,
			       const struct reference_output *output, struct reference_cpu *cpus,
			       uint64_t *duration_ns, char *version, size_t version_size, char *why,
			       size_t why_size)
{
	const struct parser parser = {setup, why, why_size};
	_cleanup_(put_object) struct json_object *root = NULL;
	unsigned n = cpuset_count(&setup->options.cpus);
	_cleanup_(freep) struct thread_json *list = xcalloc(n, sizeof(*list));
	struct json_object *threads;
	int err = parse_json(&parser, output->json, output->json_len, &root);

	if (!err)
		err = get_threads(&parser, root, &threads);
	for (unsigned i = 0; !err && i < n; i++) {
		uint64_t cycles;

		err = get_thread(&parser, threads, i, cpus, &list[i]);
		if (!err)
			err = parse_cyclictest_thread(&parser, &list[i], &cycles);
	}
	if (err)
		return err;
	(void)duration_ns;
	take_spikes(setup, output, list, n);
	for (unsigned i = 0; i < n; i++) {
		struct histogram *h = &cpus[i].histogram;

		reference_count(h, h->min_ns > setup->limit_ns ? h->min_ns : setup->limit_ns,
				cpus[i].above);
	}
	get_version(root, version, version_size);
	return 0;
}

/* --- oslat --- */

static int parse_oslat_thread(const struct parser *parser, const struct thread_json *thread)
{
	struct histogram *h = &thread->cpu->histogram;
	uint64_t limit_ns = parser->setup->limit_ns, in_last = 0, min, max;

	json_object_object_foreach(thread->histogram, key, value)
	{
		uint64_t n;
		double at_us;

		(void)value;
		/* Bucket N holds what took more than N-1 us and up to N us; with --bucket-width
		 * (2.6) they may be fractions. */
		if (parse_f64(key, &at_us) || at_us < 0 ||
		    at_us * 1000.0 > (double)limit_ns + 0.5 ||
		    !get_number(thread->histogram, key, COUNT_MAX, &n))
			return fail(parser, "its histogram has a strange bucket");

		uint64_t ns = (uint64_t)(at_us * 1000.0 + 0.5);
		if (ns == limit_ns)
			in_last += n;
		else
			reference_count(h, ns, n);
	}
	if (!get_number(thread->object, "min", VALUE_MAX, &min) ||
	    !get_number(thread->object, "max", VALUE_MAX, &max) || min > max)
		return fail(parser, "it gives no minimum and maximum");
	min *= NSEC_PER_USEC;
	max *= NSEC_PER_USEC;
	/* The last bucket takes everything from there on. */
	if (h->total && (min > h->min_ns || max < h->max_ns))
		return fail(parser, "its extremes do not fit its histogram");
	if (in_last && max < limit_ns)
		return fail(parser, "its extremes do not fit its histogram");
	thread->cpu->above = in_last && max > limit_ns ? in_last - 1 : 0;
	reference_count(h, limit_ns, in_last - (in_last && max > limit_ns));
	if (in_last && max > limit_ns)
		reference_count(h, max, 1);
	if (h->total)
		set_extremes(h, min, max);
	return 0;
}

static void get_duration(const struct json_object *thread, uint64_t *duration_ns)
{
	struct json_object *value;

	if (!json_object_object_get_ex(thread, "duration", &value) ||
	    !json_object_is_type(value, json_type_double))
		return;

	double seconds = json_object_get_double(value);
	if (seconds > 0 && seconds < 1e9)
		*duration_ns = (uint64_t)(seconds * 1e9);
}

int reference_parse_oslat(const struct reference_setup *setup,
			  const struct reference_output *output, struct reference_cpu *cpus,
			  uint64_t *duration_ns, char *version, size_t version_size, char *why,
			  size_t why_size)
{
	const struct parser parser = {setup, why, why_size};
	_cleanup_(put_object) struct json_object *root = NULL;
	unsigned n = cpuset_count(&setup->options.cpus);
	struct json_object *threads;
	int err = parse_json(&parser, output->json, output->json_len, &root);

	if (!err)
		err = get_threads(&parser, root, &threads);
	for (unsigned i = 0; !err && i < n; i++) {
		struct thread_json thread;

		err = get_thread(&parser, threads, i, cpus, &thread);
		if (!err)
			err = parse_oslat_thread(&parser, &thread);
		if (!err)
			get_duration(thread.object, duration_ns);
	}
	if (!err)
		get_version(root, version, version_size);
	return err;
}
