#include "core/snapshot_json.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/histogram.h"

#define ADD_FLAGS (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)
#define TEXT_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define RATE_NAME_MAX 128

static void put_jsonp(struct json_object **object)
{
	(void)json_object_put(*object);
}

static struct json_object *check(struct json_object *object)
{
	if (!object)
		abort();
	return object;
}

static struct json_object *new_object(void)
{
	return check(json_object_new_object());
}

/* key must live as long as the object: names of metrics, literals, a kind's table of names. */
static void add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add_ex(object, key, value, ADD_FLAGS) < 0)
		abort();
}

static void add_text(struct json_object *object, const char *key, const char *text)
{
	add(object, key, text ? check(json_object_new_string(text)) : NULL);
}

/* Whole numbers print as such (package_id is -1, not -1.0). The serialiser is json-c's own, so the
 * decimal point does not follow the locale. */
static struct json_object *number(double value, const char *format)
{
	if (value == trunc(value) && fabs(value) < 0x1p53)
		return check(json_object_new_int64((int64_t)value));

	struct json_object *object = check(json_object_new_double(value));

	/* The format is only read: json-c wants a void * for it. */
	json_object_set_serializer(object, json_object_double_to_json_string,
				   (void *)(uintptr_t)format, NULL);
	return object;
}

static struct json_object *histogram_object(const struct histogram_column *column)
{
	struct json_object *object = new_object();
	struct json_object *cells = check(json_object_new_array_ext((int)column->n + 1));

	add(object, "samples", check(json_object_new_uint64(column->total)));
	if (column->total) {
		add(object, "min_ns", check(json_object_new_uint64(column->min_ns)));
		add(object, "max_ns", check(json_object_new_uint64(column->max_ns)));
	}
	for (uint32_t i = 0; i < column->n; i++) {
		struct json_object *cell = check(json_object_new_array_ext(2));
		uint64_t from_ns = histogram_bucket_from(column->cells[i].bucket);

		(void)json_object_array_add(cell, check(json_object_new_uint64(from_ns)));
		(void)json_object_array_add(cell,
					    check(json_object_new_uint64(column->cells[i].count)));
		(void)json_object_array_add(cells, cell);
	}
	add(object, "cells", cells);
	return object;
}

static void add_cell(struct json_object *object, unsigned cpu, struct json_object *value)
{
	char key[16];

	(void)snprintf(key, sizeof(key), "%u", cpu);
	if (json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0)
		abort();
}

static struct json_object *per_cpu_object(const struct per_cpu *vector)
{
	struct json_object *object = new_object();

	for (uint32_t i = 0; i < vector->n; i++)
		add_cell(object, vector->cells[i].cpu,
			 check(json_object_new_uint64(vector->cells[i].count)));
	return object;
}

/* NULL: no CPU has a rate. */
static struct json_object *per_cpu_rates(const struct metric *metric, const struct value *value)
{
	struct json_object *object = NULL;

	if (metric->type != METRIC_PER_CPU || value->state != VALUE_OK)
		return NULL;
	for (uint32_t i = 0; i < value->per_cpu->n; i++) {
		const struct per_cpu_cell *cell = &value->per_cpu->cells[i];

		if (!isfinite(cell->rate))
			continue;
		object = object ? object : new_object();
		add_cell(object, cell->cpu, number(cell->rate, "%.9g"));
	}
	return object;
}

static struct json_object *plain_value(const struct metric *metric, const struct value *value)
{
	switch (metric->type) {
	case METRIC_TEXT:
	case METRIC_CPUSET:
		return check(json_object_new_string(value->text));
	case METRIC_BOOL:
		return check(json_object_new_boolean(value->u64 != 0));
	case METRIC_HISTOGRAM:
		return histogram_object(value->histogram);
	case METRIC_PER_CPU:
		return per_cpu_object(value->per_cpu);
	case METRIC_GAUGE:
	case METRIC_COUNTER:
		break;
	}
	if (value->is_float)
		return number(value->f64, "%.12g");
	return check(json_object_new_uint64(value->u64));
}

static struct json_object *state_object(const char *state)
{
	struct json_object *object = new_object();

	add_text(object, "state", state);
	return object;
}

/* NULL: leave it out. */
static struct json_object *value_object(const struct metric *metric, const struct value *value)
{
	struct json_object *object = NULL;

	switch ((enum value_state)value->state) {
	case VALUE_ABSENT:
		break;
	case VALUE_OK:
		object = plain_value(metric, value);
		break;
	case VALUE_DENIED:
		object = state_object("denied");
		break;
	case VALUE_FAULT:
		object = state_object("fault");
		break;
	case VALUE_STALE:
		object = state_object("stale");
		add(object, "value", plain_value(metric, value));
		break;
	}
	return object;
}

static struct json_object *values_object(const struct entity *entity)
{
	struct json_object *values = new_object();

	for (unsigned i = 0; i < entity->kind->n_metrics; i++) {
		const struct metric *metric = entity->kind->metrics[i];
		struct json_object *value = value_object(metric, &entity->values[i]);

		if (value)
			add(values, metric->name, value);
	}
	return values;
}

static struct json_object *rates_object(const struct entity *entity)
{
	struct json_object *rates = new_object();

	for (unsigned i = 0; i < entity->kind->n_metrics; i++) {
		const struct metric *metric = entity->kind->metrics[i];
		double rate = entity->rates[i];
		struct json_object *object = per_cpu_rates(metric, &entity->values[i]);
		char name[RATE_NAME_MAX];

		if (!object && isfinite(rate))
			object = number(rate, "%.9g");
		if (object)
			(void)json_object_object_add_ex(
				rates, metric_rate_name(metric, name, sizeof(name)), object,
				JSON_C_OBJECT_ADD_KEY_IS_NEW);
	}
	return rates;
}

static int write_text(FILE *out, const char *text)
{
	errno = 0;
	if (fputs(text, out) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static int write_object(FILE *out, struct json_object *object)
{
	return write_text(out, json_object_to_json_string_ext(object, TEXT_FLAGS));
}

static int write_entity(FILE *out, const struct entity *entity)
{
	_cleanup_(put_jsonp) struct json_object *object = new_object();

	add_text(object, "kind", entity->kind->name);
	add_text(object, "key", entity->key);
	add_text(object, "name", entity->name);
	add_text(object, "parent", entity->parent ? entity->parent->key : NULL);
	add(object, "values", values_object(entity));
	add(object, "rates", rates_object(entity));
	return write_object(out, object);
}

static int write_entities(FILE *out, const struct snapshot *snap)
{
	const char *separator = "";
	int result = 0;

	for (unsigned k = 0; k < schema_n_kinds(snap->schema); k++) {
		const struct snapshot_table *table = &snap->tables[k];

		for (unsigned i = 0; i < table->n_entities; i++) {
			result = write_text(out, separator);
			if (result == 0)
				result = write_entity(out, &table->entities[i]);
			if (result < 0)
				return result;
			separator = ",";
		}
	}
	return 0;
}

static const char *status_name(enum sample_status status)
{
	switch (status) {
	case SAMPLE_NONE:
		return "none";
	case SAMPLE_OK:
		return "ok";
	case SAMPLE_ABSENT:
		return "absent";
	case SAMPLE_DENIED:
		return "denied";
	case SAMPLE_FAULT:
		return "fault";
	}
	return "none";
}

static const char *source_name(const struct host *host)
{
	switch (host_kind(host)) {
	case HOST_LIVE:
		return "live";
	case HOST_CAPTURED:
		return "captured";
	case HOST_SYNTHETIC:
		return "synthetic";
	case HOST_FAKE:
		return "fake";
	case HOST_SCRATCH:
		return "scratch";
	}
	return "live";
}

static int write_host(FILE *out, const struct snapshot *snap, const struct host *host)
{
	const struct entity *entity = snapshot_find(snap, "host");
	_cleanup_(put_jsonp) struct json_object *object =
		entity ? values_object(entity) : new_object();

	add_text(object, "source", source_name(host));
	return write_object(out, object);
}

static int write_probes(FILE *out, const struct snapshot *snap)
{
	_cleanup_(put_jsonp) struct json_object *array =
		check(json_object_new_array_ext((int)snap->n_probes + 1));

	for (unsigned i = 0; i < snap->n_probes; i++) {
		struct json_object *probe = new_object();

		add_text(probe, "name", snap->probes[i].probe->name);
		add_text(probe, "status", status_name(snap->probes[i].status));
		add_text(probe, "error", snap->probes[i].error);
		(void)json_object_array_add(array, probe);
	}
	return write_object(out, array);
}

int snapshot_write_json(const struct snapshot *snap, const struct host *host, FILE *out)
{
	if (fprintf(out, "{\"version\":1,\"time\":%" PRIu64 ".%09" PRIu64 ",\"host\":",
		    snap->wall_ns / NSEC_PER_SEC, snap->wall_ns % NSEC_PER_SEC) < 0)
		return errno ? -errno : -EIO;

	int result = write_host(out, snap, host);

	if (result == 0)
		result = write_text(out, ",\"probes\":");
	if (result == 0)
		result = write_probes(out, snap);
	if (result == 0)
		result = write_text(out, ",\"entities\":[");
	/* One object per entity: a machine of a thousand CPUs is never one tree in memory. */
	if (result == 0)
		result = write_entities(out, snap);
	if (result == 0)
		result = write_text(out, "]}\n");
	if (result == 0 && fflush(out) != 0)
		result = errno ? -errno : -EIO;
	return result;
}
