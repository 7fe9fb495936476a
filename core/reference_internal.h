/*
 * Private to core/reference*.c and their tests: what a kind of reference is made of (struct
 * reference_engine), the child that runs a program, and the parsers of what references print.
 */
#ifndef JT_CORE_REFERENCE_INTERNAL_H
#define JT_CORE_REFERENCE_INTERNAL_H

#include <sys/types.h>

#include "core/host.h"
#include "core/reference.h"

#define REFERENCE_WORDS_MAX 40u
#define REFERENCE_OUTPUT_MAX ((size_t)16 * 1024 * 1024) /* of each of its three outputs */
#define REFERENCE_JSON_DEPTH 8
#define REFERENCE_JSON_TOKENS 600000u
#define REFERENCE_JSON_PATH "/proc/self/fd/3" /* as the child sees it */

/* The options with every default filled in, and what follows from them. */
struct reference_setup {
	const struct engine *engine;
	struct reference_options options;
	struct cpuset housekeeping; /* online CPUs that are not measured; may be empty */
	uint64_t seconds;	    /* duration, rounded up */
	uint64_t unit_ns, limit_ns; /* of the values the reference gives: see reference_result */
};

struct reference_words {
	char *words[REFERENCE_WORDS_MAX + 1]; /* NULL-terminated */
	unsigned n;
};

/* What a program left behind: texts with a NUL behind them. */
struct reference_output {
	char *json, *text, *errors;
	size_t json_len, text_len, errors_len;
};

struct reference_tracer;

struct reference_engine {
	const char *program; /* absolute path; NULL: a tracer of the kernel */
	const char *missing; /* what to do where it is missing */
	bool spins;	     /* takes its CPUs whole */
	bool has_interval;
	bool can_hold_dma_latency;
	enum measure_policy policy; /* where the user did not choose */
	unsigned priority;
	bool is_priority_fixed; /* and the policy */
	uint64_t grace_ns;	/* beyond its duration; 0: the usual */
	/* Programs: unit_ns and limit_ns, then the words of the command line. */
	void (*prepare)(struct reference_setup *setup);
	void (*command)(const struct reference_setup *setup, struct reference_words *ret);
	/* Fills cpus (as many as were asked for, by number, numbered and empty) from the output.
	 * -EBADMSG with the reason in words. May correct *duration_ns. */
	int (*parse)(const struct reference_setup *setup, const struct reference_output *output,
		     struct reference_cpu *cpus, uint64_t *duration_ns, char *version,
		     size_t version_size, char *why, size_t why_size);
};

void reference_word(struct reference_words *words, const char *fmt, ...) _printf_(2, 3);
void reference_words_done(struct reference_words *words);
/* Adds n samples of one value. */
void reference_count(struct histogram *h, uint64_t ns, uint64_t n);

/* The child's; 0: a tracer. */
pid_t reference_pid(const struct reference *reference);

/* reference_json.c */
int reference_parse_cyclictest(const struct reference_setup *setup,
			       const struct reference_output *output, struct reference_cpu *cpus,
			       uint64_t *duration_ns, char *version, size_t version_size, char *why,
			       size_t why_size);
int reference_parse_oslat(const struct reference_setup *setup,
			  const struct reference_output *output, struct reference_cpu *cpus,
			  uint64_t *duration_ns, char *version, size_t version_size, char *why,
			  size_t why_size);
/* "T: 0 Spike:   26470: TS:  12371290971": a value cyclictest did not count in its histogram. */
bool reference_parse_spike(const char *line, size_t len, uint64_t *ret_thread, uint64_t *ret_value);

/* reference_child.c: a program in a process of its own. */
struct reference_child;
/* cpus: what it may use. words->words[0] is the path. */
int reference_child_start(const struct reference_words *words, const struct cpuset *cpus,
			  struct reference_child **ret);
int reference_child_fd(const struct reference_child *child); /* readable once it has ended */
/* True: it has ended, what it started in its group is killed, and it is reaped. */
bool reference_child_has_ended(struct reference_child *child);
void reference_child_signal(struct reference_child *child, int number);
/* How it ended; "" when it did with status 0 or nobody knows. */
void reference_child_verdict(const struct reference_child *child, char *buf, size_t size);
/* After it has ended; NUL-terminated, to be freed by the caller. */
void reference_child_output(const struct reference_child *child, struct reference_output *ret);
void reference_output_done(struct reference_output *output);
void reference_child_free(struct reference_child *child); /* kills and reaps; NULL is fine */
pid_t reference_child_pid(const struct reference_child *child);
/* 0, or why a program must not be run by root: text in words. */
int reference_child_check(const char *path, char *why, size_t why_size);

/* reference_timerlat.c: reads the samples of a tracer that the guard has set. */
struct reference_trace;
int reference_trace_check(struct host *host, char *why, size_t why_size);
int reference_trace_plan(struct host *host, const struct reference_setup *setup,
			 const struct step_class *const *classes, struct plan *ret, char *why,
			 size_t why_size);
int reference_trace_open(struct host *host, const struct reference_setup *setup,
			 struct reference_cpu *cpus, struct reference_trace **ret, char *why,
			 size_t why_size);
/* Counts what has come, without blocking; negative errno: the tracer has gone. */
int reference_trace_read(struct reference_trace *trace);
void reference_trace_close(struct reference_trace *trace);
enum reference_context { REFERENCE_IRQ, REFERENCE_THREAD, REFERENCE_USER_RETURN };
struct reference_trace_line {
	bool is_lost; /* "CPU:1 [LOST 12 EVENTS]" */
	enum reference_context context;
	uint64_t sequence;
	uint64_t value; /* ns, or events lost */
};
/* False: no line of timerlat. */
bool reference_parse_timerlat(const char *line, size_t len, struct reference_trace_line *ret);

#endif
