#include "tui/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/histogram.h"

static const char *ns_text(uint64_t ns, const char *blank, char *buf, size_t size)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = {{NSEC_PER_SEC, "s"}, {NSEC_PER_MSEC, "ms"}, {NSEC_PER_USEC, "us"}};

	for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
		double v = (double)ns / (double)units[i].unit;

		/* 999.6 us must become 1.0 ms, never 1000 us. */
		if (v < 0.9995)
			continue;
		snprintf(buf, size, v < 9.95 ? "%.1f%s%s" : "%.0f%s%s", v, blank, units[i].name);
		return buf;
	}
	snprintf(buf, size, "%" PRIu64 "%sns", ns, blank);
	return buf;
}

const char *format_ns(uint64_t ns, char *buf, size_t size)
{
	return ns_text(ns, " ", buf, size);
}

const char *format_ns_short(uint64_t ns, char *buf, size_t size)
{
	return ns_text(ns, "", buf, size);
}

const char *format_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	unsigned i = 0;

	for (; v >= 1023.5 && i + 1 < ARRAY_SIZE(units); i++)
		v /= 1024;
	if (i == 0 || v >= 99.5 || v == floor(v))
		snprintf(buf, size, "%.0f %s", v, units[i]);
	else
		snprintf(buf, size, "%.1f %s", v, units[i]);
	return buf;
}

const char *format_count(double n, char *buf, size_t size)
{
	static const char units[] = "kMGTPE";

	if (n < 9999.5) {
		snprintf(buf, size, "%.0f", n);
		return buf;
	}
	for (unsigned i = 0; units[i]; i++) {
		n /= 1000;
		if (n < 999.5 || !units[i + 1]) {
			snprintf(buf, size, n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[i]);
			break;
		}
	}
	return buf;
}

const char *format_hz(double hz, char *buf, size_t size)
{
	if (hz >= 1e9)
		snprintf(buf, size, "%.2f GHz", hz / 1e9);
	else if (hz >= 1e6)
		snprintf(buf, size, "%.0f MHz", hz / 1e6);
	else
		snprintf(buf, size, "%.0f Hz", hz);
	return buf;
}

const char *format_duration(uint64_t ns, char *buf, size_t size)
{
	uint64_t s = ns / NSEC_PER_SEC;

	if (s < 120)
		snprintf(buf, size, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(buf, size, "%" PRIu64 "m", s / 60);
	else if (s < 48 * 3600)
		snprintf(buf, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%" PRIu64 "d", s / 86400);
	return buf;
}

static void format_number(enum unit unit, double v, bool is_float, char *buf, size_t size)
{
	switch (unit) {
	case UNIT_NS:
		format_ns((uint64_t)fmax(v, 0), buf, size);
		return;
	case UNIT_BYTES:
		format_bytes((uint64_t)fmax(v, 0), buf, size);
		return;
	case UNIT_HZ:
		format_hz(v, buf, size);
		return;
	case UNIT_PERCENT:
		snprintf(buf, size, is_float && v < 9.95 ? "%.1f%%" : "%.0f%%", v);
		return;
	case UNIT_COUNT:
	case UNIT_NONE:
		if (is_float && v != floor(v))
			snprintf(buf, size, "%.2f", v);
		else if (unit == UNIT_COUNT && v >= 9999.5)
			format_count(v, buf, size);
		else
			snprintf(buf, size, "%.0f", v);
		return;
	}
}

static void format_rate(const struct metric *metric, double rate, char *buf, size_t size)
{
	char number[32];

	switch (metric->unit) {
	case UNIT_NS:
		snprintf(buf, size, "%.0f%%", rate * 100);
		return;
	case UNIT_BYTES:
		snprintf(buf, size, "%s/s",
			 format_bytes((uint64_t)fmax(rate, 0), number, sizeof(number)));
		return;
	case UNIT_NONE:
	case UNIT_COUNT:
	case UNIT_HZ:
	case UNIT_PERCENT:
		if (rate > 0 && rate < 0.95)
			snprintf(buf, size, "%.1f/s", rate);
		else
			snprintf(buf, size, "%s/s", format_count(rate, number, sizeof(number)));
		return;
	}
}

unsigned per_cpu_busiest(const struct per_cpu *vector, const struct per_cpu_cell **ret_top,
			 unsigned *ret_busy, unsigned *ret_known)
{
	unsigned n = 0;

	*ret_busy = *ret_known = 0;
	for (unsigned i = 0; vector && i < vector->n; i++) {
		const struct per_cpu_cell *cell = &vector->cells[i];
		unsigned at = n;

		*ret_known += !isnan(cell->rate);
		if (!(cell->rate > 0))
			continue;
		(*ret_busy)++;
		while (at > 0 && ret_top[at - 1]->rate < cell->rate)
			at--;
		if (at == PER_CPU_SHOWN)
			continue;
		n += n < PER_CPU_SHOWN;
		for (unsigned k = n - 1; k > at; k--)
			ret_top[k] = ret_top[k - 1];
		ret_top[at] = cell;
	}
	return n;
}

static double value_number(const struct value *value)
{
	return value->is_float ? value->f64 : (double)value->u64;
}

/* "3:1.2k/s 0:4/s +2": the busiest CPUs first. */
static void format_per_cpu(const struct per_cpu *vector, char *buf, size_t size)
{
	const struct per_cpu_cell *top[PER_CPU_SHOWN];
	unsigned n_busy = 0, n_known = 0, n = per_cpu_busiest(vector, top, &n_busy, &n_known);
	size_t at = 0;
	char number[32];

	/* No cell at all: there never was one. */
	snprintf(buf, size, "%s", n_known || !vector->n ? "0/s" : "-");
	for (unsigned i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(
			buf + at, size - at, "%s%u:%s/s", i ? " " : "", top[i]->cpu,
			top[i]->rate < 0.95 ? "<1"
					    : format_count(top[i]->rate, number, sizeof(number)));
	if (n_busy > n && at < size)
		snprintf(buf + at, size - at, " +%u", n_busy - n);
}

static void format_good(const struct metric *metric, const struct value *value, double rate,
			char *buf, size_t size)
{
	char p[32];

	switch (metric->type) {
	case METRIC_GAUGE:
		format_number(metric->unit, value_number(value), value->is_float, buf, size);
		return;
	case METRIC_COUNTER:
		if (isnan(rate))
			snprintf(buf, size, "-");
		else
			format_rate(metric, rate, buf, size);
		return;
	case METRIC_TEXT:
	case METRIC_CPUSET:
		snprintf(buf, size, "%s", value->text ? value->text : "");
		return;
	case METRIC_BOOL:
		snprintf(buf, size, "%s", value->u64 ? "yes" : "no");
		return;
	case METRIC_HISTOGRAM:
		if (!value->histogram || value->histogram->total == 0)
			snprintf(buf, size, "-");
		else
			snprintf(buf, size, "max %s",
				 format_ns(value->histogram->max_ns, p, sizeof(p)));
		return;
	case METRIC_PER_CPU:
		format_per_cpu(value->per_cpu, buf, size);
		return;
	}
}

enum role format_metric(const struct metric *metric, const struct value *value, double rate,
			char *buf, size_t size)
{
	switch ((enum value_state)value->state) {
	case VALUE_ABSENT:
		snprintf(buf, size, "-");
		return ROLE_VALUE_ABSENT;
	case VALUE_DENIED:
		snprintf(buf, size, "denied");
		return ROLE_VALUE_DENIED;
	case VALUE_FAULT:
		snprintf(buf, size, "error");
		return ROLE_VALUE_FAULT;
	case VALUE_STALE:
		if (size > 1) {
			buf[0] = '~';
			format_good(metric, value, rate, buf + 1, size - 1);
		}
		return ROLE_VALUE_STALE;
	case VALUE_OK:
		break;
	}
	format_good(metric, value, rate, buf, size);
	if (metric->type == METRIC_COUNTER && isnan(rate))
		return ROLE_VALUE_ABSENT;
	return ROLE_VALUE;
}

static double per_cpu_most(const struct per_cpu *vector)
{
	const struct per_cpu_cell *top[PER_CPU_SHOWN];
	unsigned n_busy, n_known, n = per_cpu_busiest(vector, top, &n_busy, &n_known);

	return n ? top[0]->rate : n_known || !vector->n ? 0 : (double)NAN;
}

double metric_order(const struct metric *metric, const struct value *value, double rate)
{
	if (value->state != VALUE_OK && value->state != VALUE_STALE)
		return NAN;
	switch (metric->type) {
	case METRIC_GAUGE:
	case METRIC_BOOL:
		return value_number(value);
	case METRIC_COUNTER:
		return rate;
	case METRIC_HISTOGRAM:
		return value->histogram ? (double)value->histogram->max_ns : NAN;
	case METRIC_PER_CPU:
		return per_cpu_most(value->per_cpu);
	case METRIC_TEXT:
	case METRIC_CPUSET:
		break;
	}
	return NAN;
}
