/*
 * The snapshot as the JSON object of the command-line contract:
 * {"version":1,"time":S,"host":{...},"probes":[{"name","status","error"}],
 *  "entities":[{"kind","key","name","parent","values":{...},"rates":{...}}]}
 * "host" holds the values of the entity "host" plus "source" (live, captured, synthetic). An absent
 * value is left out, a denied or faulty one is {"state":"denied"}; a stale one is
 * {"state":"stale","value":...}; numbers are numbers, a rate that does not exist is left out.
 *
 * "time" is UNIX seconds with nanoseconds behind the point. "status" of a probe is ok, absent,
 * denied, fault or none (did not run); "error" a text or null; "parent" a key or null. Bools are
 * true and false, CPU sets are list texts ("0-3,8"), whole numbers print without a point. A counter
 * x has the rate metric_rate_name(x): time counters as shares (ns per ns), others per second. A
 * histogram is {"samples":N,"min_ns":..,"max_ns":..,"cells":[[from_ns,count],...]}, without min and
 * max when empty, only cells that count something. The entity "host" is listed in "entities" too:
 * others name it as parent and it has rates. "source" may also be fake or scratch (tests).
 */
#ifndef JT_CORE_SNAPSHOT_JSON_H
#define JT_CORE_SNAPSHOT_JSON_H

#include <stdio.h>

#include "core/snapshot.h"

/* 0, or -errno of the stream. Writes one line and flushes. Entity by entity, so memory stays small.
 */
int snapshot_write_json(const struct snapshot *snap, const struct host *host, FILE *out);

#endif
