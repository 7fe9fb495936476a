/*
 * The sampler: runs probes on their periods, builds snapshots and hands them over.
 *
 * Two ways: sampler_run_once() in the calling thread (commands, tests), or sampler_start(): a
 * thread of its own that publishes each snapshot by one atomic pointer exchange and signals an
 * eventfd. The reader takes it with sampler_take() and owns that reference. A snapshot that was not
 * taken in time is replaced by the next one.
 *
 * Probes that may wait for somebody (PROBE_SLOW) then run in a second thread with a live host of
 * its own, so that a stuck peer or a long walk delays neither the other probes nor snapshots nor
 * jobs. A snapshot shows such a probe's last sample until it is older than its period and
 * SNAPSHOT_STALE_NS; from then on (without any sample: 2 s after it was asked for) its status is a
 * fault that says "still reading since N s", and snapshot.h says what becomes of its values. In
 * sampler_run_once(), and on every host but this machine, and while recording, they run like the
 * others.
 *
 * The sampler thread is the only user of its host while it runs; work that must read the host on
 * behalf of the UI (listing a knob's targets, planning a change) is sent to it as a job.
 */
#ifndef JT_CORE_SAMPLER_H
#define JT_CORE_SAMPLER_H

#include "core/snapshot.h"

struct sampler;

/* probes are those of the schema. Neither probes nor schema nor host are copied; they must outlive
 * the sampler. */
struct sampler *sampler_new(struct host *host, const struct schema *schema,
			    const struct probe *const *probes, unsigned n_probes);
/* Stops the threads; NULL is fine. A slow probe's waits are ended (host_interrupt()); a thread that
 * the kernel does not let go within 2 s is left behind, with what is its own, until it comes back
 * or the process ends. */
void sampler_free(struct sampler *sampler);

/* Runs every probe that is due (all: every one, whatever its period and flags) and returns a new
 * snapshot; the caller owns one reference. Not while the thread runs. A probe is opened by its
 * first run, in the thread that runs it; an open that fails is the probe's status and tried again.
 */
const struct snapshot *sampler_run_once(struct sampler *sampler, bool all);

/* The first tick is at once, then on a fixed grid: ticks that were missed are skipped. Periods
 * below 10 ms are 10 ms. */
int sampler_start(struct sampler *sampler, uint64_t period_ns) _must_check_;
/* Both threads, at any time after the start. -ESRCH before it, -EINVAL when no such CPU is online.
 */
int sampler_set_affinity(struct sampler *sampler, const struct cpuset *cpus) _must_check_;
/* Readable when a snapshot or a finished job waits; sampler_take() and sampler_job_done() clear it.
 */
int sampler_fd(const struct sampler *sampler);
const struct snapshot *sampler_take(struct sampler *sampler); /* NULL: nothing new */
void sampler_set_period(struct sampler *sampler, uint64_t period_ns);
/* The kinds (schema indices as a bit set) on-demand probes are run for; up to 64 kinds. Any thread.
 * A kind that is new in the mask gets a tick soon; of a kind no longer wanted the last values stay
 * for SNAPSHOT_STALE_NS, then they are absent. */
void sampler_want(struct sampler *sampler, uint64_t kind_mask);
/* Tick now, because a change was applied: every probe but the on-demand ones nobody wants runs,
 * whatever its period. (Kicks within 50 ms of a tick are one tick, 50 ms after it.) */
void sampler_kick(struct sampler *sampler);

/* run() is called in the sampler thread, between ticks, with its host and its latest snapshot (NULL
 * before the first); afterwards the job comes back. Jobs are the caller's memory; those that
 * sampler_free() overtakes are not run. */
struct sampler_job {
	void (*run)(struct sampler_job *job, struct host *host, const struct snapshot *snap);
	void *data;
	struct sampler_job *next; /* the sampler's own */
};
void sampler_submit(struct sampler *sampler, struct sampler_job *job);
struct sampler_job *sampler_job_done(struct sampler *sampler); /* NULL: none finished */

#endif
