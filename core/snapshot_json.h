/*
 * The snapshot as the JSON object of the command-line contract:
 * {"version":1,"time":S,"host":{...},"probes":[{"name","status","error"}],
 *  "entities":[{"kind","key","name","parent","values":{...},"rates":{...}}]}
 * "host" holds the values of the entity "host" plus "source" (live, captured, synthetic). An absent
 * value is left out, a denied or faulty one is {"state":"denied"}; a stale one is
 * {"state":"stale","value":...}; numbers are numbers, a rate that does not exist is left out.
 */
#ifndef JT_CORE_SNAPSHOT_JSON_H
#define JT_CORE_SNAPSHOT_JSON_H

#include <stdio.h>

#include "core/snapshot.h"

/* 0, or -errno of the stream. Writes one line. */
int snapshot_write_json(const struct snapshot *snap, const struct host *host, FILE *out);

#endif
