#include <errno.h>
#include <json-c/json.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/histogram.h"
#include "core/snapshot_json.h"

enum { H_NAME, H_TOTAL };
enum { C_ONLINE, C_PACKAGE, C_LOAD, C_USER, C_SWITCHES, C_READ, C_SIBLINGS, C_WINDOW, C_COUNT };

static const struct metric host_metrics[] = {
	[H_NAME] = {.name = "hostname", .type = METRIC_TEXT},
	[H_TOTAL] = {.name = "memory_total_bytes", .type = METRIC_GAUGE, .unit = UNIT_BYTES},
};
static const struct metric cpu_metrics[] = {
	[C_ONLINE] = {.name = "online", .type = METRIC_BOOL},
	[C_PACKAGE] = {.name = "package_id", .type = METRIC_GAUGE},
	[C_LOAD] = {.name = "load", .type = METRIC_GAUGE},
	[C_USER] = {.name = "user_ns", .type = METRIC_COUNTER, .unit = UNIT_NS},
	[C_SWITCHES] = {.name = "switches", .type = METRIC_COUNTER, .unit = UNIT_COUNT},
	[C_READ] = {.name = "read_bytes", .type = METRIC_COUNTER, .unit = UNIT_BYTES},
	[C_SIBLINGS] = {.name = "siblings", .type = METRIC_CPUSET},
	[C_WINDOW] = {.name = "window", .type = METRIC_HISTOGRAM},
};
static const struct metric_set host_sets[] = {
	{.kind = "host", .metrics = host_metrics, .n_metrics = ARRAY_SIZE(host_metrics)}};
static const struct metric_set cpu_sets[] = {
	{.kind = "cpu", .metrics = cpu_metrics, .n_metrics = C_COUNT}};
static const struct probe host_probe = {.name = "kernel", .sets = host_sets, .n_sets = 1};
static const struct probe cpu_probe = {.name = "cpu", .sets = cpu_sets, .n_sets = 1};
static const struct probe *const probes[] = {&host_probe, &cpu_probe};

struct fixture {
	struct schema *schema;
	struct sample *samples[2];
	const struct snapshot *snap;
	struct host *host;
	uint64_t now_ns;
	struct json_object *json;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->schema = schema_new(probes, 2);
	f->samples[0] = sample_new(&host_probe);
	f->samples[1] = sample_new(&cpu_probe);
	f->now_ns = NSEC_PER_SEC;
	*state = f;
	return host_open_fake(&f->host);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)json_object_put(f->json);
	snapshot_unref(f->snap);
	sample_free(f->samples[0]);
	sample_free(f->samples[1]);
	schema_free(f->schema);
	host_close(f->host);
	freep(state);
	return 0;
}

static struct sample_row *begin(struct fixture *f, unsigned probe, const char *key)
{
	f->now_ns += NSEC_PER_SEC;
	sample_reset(f->samples[probe]);
	f->samples[probe]->time_ns = f->now_ns;
	return sample_row(f->samples[probe], 0, probe ? "host" : NULL, NULL, "%s", key);
}

static void build(struct fixture *f)
{
	const struct snapshot *prev = f->snap;

	f->snap = snapshot_build(f->schema, prev, f->samples, 2, f->now_ns,
				 UINT64_C(1700000000000000042));
	snapshot_unref(prev);
}

static char *write_all(struct fixture *f)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(snapshot_write_json(f->snap, f->host, out), 0);
	assert_int_equal(fclose(out), 0);
	/* One line, whole. */
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	return text;
}

/* Parses what is written, strictly: NaN and the like do not pass. */
static struct json_object *parse(struct fixture *f)
{
	_cleanup_(freep) char *text = write_all(f);
	struct json_tokener *tokener = json_tokener_new();

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	(void)json_object_put(f->json);
	f->json = json_tokener_parse_ex(tokener, text, (int)strlen(text));
	assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
	json_tokener_free(tokener);
	assert_non_null(f->json);
	return f->json;
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *found = NULL;

	assert_true(json_object_is_type(object, json_type_object));
	(void)json_object_object_get_ex(object, name, &found);
	return found;
}

static bool has(struct json_object *object, const char *name)
{
	return json_object_object_get_ex(object, name, NULL);
}

static void assert_text(struct json_object *object, const char *name, const char *wanted)
{
	assert_non_null(member(object, name));
	assert_string_equal(json_object_get_string(member(object, name)), wanted);
}

static struct json_object *entity(struct fixture *f, const char *key)
{
	struct json_object *entities = member(f->json, "entities");

	for (size_t i = 0; i < json_object_array_length(entities); i++) {
		struct json_object *object = json_object_array_get_idx(entities, i);

		if (strcmp(json_object_get_string(member(object, "key")), key) == 0)
			return object;
	}
	return NULL;
}

static void empty_snapshot_keeps_its_shape(void **state)
{
	struct fixture *f = *state;

	build(f);

	_cleanup_(freep) char *text = write_all(f);

	assert_string_equal(text,
			    "{\"version\":1,\"time\":1700000000.000000042,"
			    "\"host\":{\"source\":\"fake\"},"
			    "\"probes\":[{\"name\":\"kernel\",\"status\":\"none\",\"error\":null},"
			    "{\"name\":\"cpu\",\"status\":\"none\",\"error\":null}],"
			    "\"entities\":[]}\n");
}

static void fill_cpu(struct fixture *f, uint64_t n)
{
	struct sample_row *row = begin(f, 1, "cpu:5");
	struct sample *sample = f->samples[1];
	struct histogram window;
	struct cpuset cpus;

	cpuset_zero(&cpus);
	cpuset_add(&cpus, 5);
	cpuset_add(&cpus, 6);
	histogram_zero(&window);
	histogram_count(&window, 100);
	histogram_count(&window, 100);
	histogram_count(&window, 5000);
	sample_bool(row, C_ONLINE, true);
	sample_f64(row, C_PACKAGE, -1);
	sample_f64(row, C_LOAD, 0.1);
	sample_u64(row, C_USER, n * NSEC_PER_MSEC);
	sample_u64(row, C_SWITCHES, UINT64_MAX - 1000 + n);
	sample_u64(row, C_READ, n);
	sample_cpus(sample, row, C_SIBLINGS, &cpus);
	sample_histogram(sample, row, C_WINDOW, &window);
	sample_finish(sample, 0);
}

static void fill_host(struct fixture *f, const char *name)
{
	struct sample_row *row = begin(f, 0, "host");

	sample_text(f->samples[0], row, H_NAME, name);
	sample_u64(row, H_TOTAL, 8 * 1024);
	sample_finish(f->samples[0], 0);
}

static void values_have_their_json_types(void **state)
{
	struct fixture *f = *state;

	fill_host(f, "a \"b\" / \xc3\xa9 \x1b[31m");
	fill_cpu(f, 100);
	build(f);
	assert_non_null(parse(f));
	assert_text(member(f->json, "host"), "hostname", "a \"b\" / \xc3\xa9 \\e[31m");
	assert_text(member(f->json, "host"), "source", "fake");
	assert_int_equal(json_object_array_length(member(f->json, "entities")), 2);

	struct json_object *cpu = entity(f, "cpu:5"), *values = member(cpu, "values");

	assert_text(cpu, "kind", "cpu");
	assert_text(cpu, "name", "cpu:5");
	assert_text(cpu, "parent", "host");
	assert_true(has(entity(f, "host"), "parent"));
	assert_null(member(entity(f, "host"), "parent"));
	assert_true(json_object_is_type(member(values, "online"), json_type_boolean));
	assert_true(json_object_get_boolean(member(values, "online")));
	assert_true(json_object_is_type(member(values, "package_id"), json_type_int));
	assert_int_equal(json_object_get_int64(member(values, "package_id")), -1);
	assert_text(values, "load", "0.1");
	assert_true(json_object_get_uint64(member(values, "switches")) == UINT64_MAX - 900);
	assert_text(values, "siblings", "5-6");
	assert_int_equal(json_object_object_length(member(cpu, "rates")), 0);
}

static void histograms_list_their_cells(void **state)
{
	struct fixture *f = *state;

	fill_cpu(f, 1);
	build(f);
	assert_non_null(parse(f));

	struct json_object *window = member(member(entity(f, "cpu:5"), "values"), "window");
	struct json_object *cells = member(window, "cells");
	uint64_t samples = 0, last_ns = 0;

	assert_int_equal(json_object_get_uint64(member(window, "samples")), 3);
	assert_int_equal(json_object_get_uint64(member(window, "min_ns")), 100);
	assert_int_equal(json_object_get_uint64(member(window, "max_ns")), 5000);
	assert_int_equal(json_object_array_length(cells), 2);
	for (size_t i = 0; i < 2; i++) {
		struct json_object *cell = json_object_array_get_idx(cells, i);
		uint64_t from_ns = json_object_get_uint64(json_object_array_get_idx(cell, 0));

		assert_int_equal(json_object_array_length(cell), 2);
		assert_true(from_ns > last_ns);
		last_ns = from_ns;
		samples += json_object_get_uint64(json_object_array_get_idx(cell, 1));
	}
	assert_int_equal(samples, 3);
	assert_true(last_ns > 4800 && last_ns <= 5000);
}

static void rates_have_their_names_and_units(void **state)
{
	struct fixture *f = *state;

	fill_cpu(f, 100);
	build(f);
	fill_cpu(f, 350);
	build(f);
	assert_non_null(parse(f));

	struct json_object *rates = member(entity(f, "cpu:5"), "rates");

	assert_int_equal(json_object_object_length(rates), 3);
	assert_text(rates, "user_share", "0.25");
	assert_text(rates, "switches_hz", "250");
	assert_text(rates, "read_bytes_per_s", "250");
}

static void states_are_told_apart(void **state)
{
	struct fixture *f = *state;

	fill_cpu(f, 100);
	build(f);

	struct sample_row *row = begin(f, 1, "cpu:5");

	sample_errno(row, C_ONLINE, EACCES);
	sample_errno(row, C_LOAD, EIO);
	sample_errno(row, C_READ, ENOENT);
	sample_finish(f->samples[1], 0);
	build(f);
	assert_non_null(parse(f));

	struct json_object *values = member(entity(f, "cpu:5"), "values");

	assert_int_equal(json_object_object_length(values), 2);
	assert_text(member(values, "online"), "state", "denied");
	assert_text(member(values, "load"), "state", "fault");
	assert_false(has(values, "read_bytes"));
}

static void stale_values_say_so(void **state)
{
	struct fixture *f = *state;

	fill_cpu(f, 100);
	build(f);
	(void)begin(f, 1, "cpu:5");
	sample_errorf(f->samples[1], "proc/stat: %s", "I/O error");
	sample_finish(f->samples[1], -EIO);
	build(f);
	assert_non_null(parse(f));

	struct json_object *values = member(entity(f, "cpu:5"), "values");
	struct json_object *probe = json_object_array_get_idx(member(f->json, "probes"), 1);

	assert_text(member(values, "package_id"), "state", "stale");
	assert_text(member(values, "package_id"), "value", "-1");
	assert_text(member(values, "siblings"), "value", "5-6");
	assert_text(probe, "status", "fault");
	assert_text(probe, "error", "proc/stat: I/O error");
}

static void decimal_points_ignore_the_locale(void **state)
{
	struct fixture *f = *state;
	char *before = xstrdup(setlocale(LC_NUMERIC, NULL));

	if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "de_DE.utf8")) {
		print_message("skipped: no locale with a decimal comma is installed\n");
		freep(&before);
		skip();
	}
	fill_cpu(f, 1);
	build(f);

	_cleanup_(freep) char *text = write_all(f);

	(void)setlocale(LC_NUMERIC, before);
	freep(&before);
	assert_non_null(strstr(text, "\"load\":0.1,"));
	assert_non_null(strstr(text, "\"time\":1700000000.0"));
}

static void write_errors_are_returned(void **state)
{
	struct fixture *f = *state;
	FILE *full = fopen("/dev/full", "w");

	if (!full) {
		print_message("skipped: no /dev/full\n");
		skip();
	}
	fill_cpu(f, 1);
	build(f);
	assert_int_equal(snapshot_write_json(f->snap, f->host, full), -ENOSPC);
	(void)setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(snapshot_write_json(f->snap, f->host, full), -ENOSPC);
	(void)fclose(full);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(empty_snapshot_keeps_its_shape),
		TEST(values_have_their_json_types),
		TEST(histograms_list_their_cells),
		TEST(rates_have_their_names_and_units),
		TEST(states_are_told_apart),
		TEST(stale_values_say_so),
		TEST(decimal_points_ignore_the_locale),
		TEST(write_errors_are_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
