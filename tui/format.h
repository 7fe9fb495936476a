/*
 * Values as people read them: a number never without its unit, at most five or six columns, and
 * absent ("-"), denied ("denied"), faulty ("error"), stale ("~" in front) and zero all different.
 */
#ifndef JT_TUI_FORMAT_H
#define JT_TUI_FORMAT_H

#include "core/metric.h"
#include "tui/theme.h"

/* "412 us", "1.2 ms", "38 ns"; buf is returned. */
const char *format_ns(uint64_t ns, char *buf, size_t size);
/* The same without the blank: "412us", for narrow columns. */
const char *format_ns_short(uint64_t ns, char *buf, size_t size);
const char *format_bytes(uint64_t bytes, char *buf, size_t size); /* "7.6 GiB" */
const char *format_count(double n, char *buf, size_t size);	  /* "1234", "12.3k", "4.5M" */
const char *format_hz(double hz, char *buf, size_t size);	  /* "3.20 GHz" */
const char *format_duration(uint64_t ns, char *buf, size_t size); /* "12d", "3h12m", "97 s" */
/* One value, or its rate for a counter ("1.2k/s", "12%" for time shares). Returns its role. */
enum role format_metric(const struct metric *metric, const struct value *value, double rate,
			char *buf, size_t size);
#define PER_CPU_SHOWN 3
/* The CPUs with the highest rates, at most PER_CPU_SHOWN, the highest first; how many have a rate
 * above 0, how many have one at all. Returns how many are in ret_top. */
unsigned per_cpu_busiest(const struct per_cpu *vector, const struct per_cpu_cell **ret_top,
			 unsigned *ret_busy, unsigned *ret_known);
/* The number a column is sorted by; NAN sorts last. Text has none. */
double metric_order(const struct metric *metric, const struct value *value, double rate);

#endif
