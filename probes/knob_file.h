/*
 * Private to probes/: knobs that are one plain file per object, made from a table row each: a
 * global sysctl, or a file per CPU, NUMA node, cpufreq policy, idle state, interface, queue,
 * workqueue ...
 *
 * KNOB_FILE_DEFINE(symbol, ...) at file scope makes `knob_symbol` and `step_class_symbol`, both
 * named "symbol"; list them in probes/probes.def as KNOB_FILE(symbol). Names in undo files are the
 * class and the object, which is also the knob's target: the key pattern filled in.
 *
 * Patterns: '#' stands for a decimal number in its one spelling, '*' for a name (printable, no
 * blank, no '/', not "." or ".."). Key and path have the same ones in the same order, at most two:
 *
 *   key "host"             path "proc/sys/vm/swappiness"
 *   key "cpu:#"            path "sys/devices/system/cpu/cpu#/power/energy_perf_bias"
 *   key "cstate:#/#"       path "sys/devices/system/cpu/cpu#/cpuidle/state#/disable"
 *   key "queue:*" "/rx-#"  path "sys/class/net/" "*" "/queues/rx-#/rps_cpus"
 *
 * Whatever an undo file says, the path cannot leave the pattern.
 *
 * Targets: every object that has the file. has_all adds one for all of them ("cpu:*"), first, when
 * there are several. A knob without any file shows one locked target with the reason. As a target
 * for a plan '#' may be a list or '*' ("cstate:0-3,8/2", "cpu:*") and '*' a shell pattern: one step
 * per match. The value of a CPU mask may be given as a list, "list:0-3,8".
 */
#ifndef JT_PROBES_KNOB_FILE_H
#define JT_PROBES_KNOB_FILE_H

#include "core/knob.h"
#include "core/step.h"

#define KNOB_FILE_PARTS 2
#define KNOB_FILE_NAME_MAX 64
#define KNOB_FILE_NUMBER_MAX 10000000u

struct knob_file_parts {
	unsigned n;
	char text[KNOB_FILE_PARTS][KNOB_FILE_NAME_MAX]; /* numbers too */
};

struct knob_file_error {
	int err; /* positive; 0 ends the table */
	const char *why;
};

/* Whose latency a change touches. */
enum knob_file_affects {
	KNOB_FILE_ALL_CPUS,  /* every online CPU */
	KNOB_FILE_THIS_CPU,  /* the first part of the key is its number */
	KNOB_FILE_CPU_FILE,  /* affects_path lists them */
	KNOB_FILE_OLD_OR_NEW /* those in the old or the new value (CPU lists and masks) */
};

struct knob_file {
	const char *name;	   /* filled in by the macro, as are compare and step_class */
	enum step_compare compare; /* how the file's value is compared */
	const struct step_class *step_class;
	const char *key;       /* pattern */
	const char *path;      /* pattern; what is written, and read unless read_path is there */
	const char *read_path; /* pattern or NULL: read instead, where this kernel has it */
	/* The allowed values, the first of these that there is: the words of the file
	 * choices_path; the words of the file itself when it has brackets ("[a] b" or "(a) b");
	 * words; min to max unless both are 0; anything that parses. */
	const char *choices_path; /* pattern */
	const char *words;	  /* "Y|N", "0|1|2" */
	const char *not_offered;  /* one of the kernel's words that check() refuses; NULL: none */
	int64_t min, max;
	const char *unit;  /* of numbers: "us"; NULL: none */
	const char *hint;  /* what values mean: "0: never, -1: no limit"; numbers and texts only */
	bool may_be_empty; /* CPU lists and masks */
	bool has_all;
	const char *read_only; /* why it can never be written: targets are locked; NULL: it can */
	/* Why a kernel may have it as a file that only shows (mode 0444); NULL: no idea. */
	const char *fixed;
	unsigned owners; /* OWNER_BIT() set of those that write it too */
	/* Why there is none, and what would make it: "this kernel has none (CONFIG_KSM)". */
	const char *absent;
	const char *denied;		      /* why it may not be read; NULL: not root, lockdown */
	const struct knob_file_error *errors; /* before the general ones; NULL: none */
	enum knob_file_affects affects;
	const char *affects_path;  /* pattern: CPU list, or numbers with blanks between */
	const char *identity_path; /* pattern: a file that tells objects of one name apart */
	/* Further preflight: same rules as step_class.check(). May be NULL. */
	int (*check)(struct host *host, const struct knob_file_parts *parts, const char *value,
		     char *why, size_t why_size);
	/* Further steps of the same plan, before or after the step itself (so that undo, in
	 * reverse, has the right order). May be NULL. */
	int (*plan_before)(struct host *host, const struct knob_file_parts *parts,
			   const char *value, struct plan *ret, char *why, size_t why_size);
	int (*plan_after)(struct host *host, const struct knob_file_parts *parts, const char *value,
			  struct plan *ret, char *why, size_t why_size);
};

/* -EINVAL: not an object of this knob. */
int knob_file_parse(const struct knob_file *file, const char *object,
		    struct knob_file_parts *ret) _must_check_;
/* Fills a pattern in. */
int knob_file_expand(const char *pattern, const struct knob_file_parts *parts, char *buf,
		     size_t size) _must_check_;
/* Every object that the directories hold, in natural order, whether it has the file or not. A visit
 * that returns something other than 0 ends it with that. */
int knob_file_each(const struct knob_file *file, struct host *host,
		   int (*visit)(void *arg, const struct knob_file_parts *parts), void *arg);
/* The allowed words of an object, "a|b|c"; "" when it has none. */
int knob_file_words(const struct knob_file *file, struct host *host,
		    const struct knob_file_parts *parts, char *buf, size_t size);
/* Why the file cannot be read, in words: err (negative) is what reading it gave. */
void knob_file_why_unreadable(const struct knob_file *file, struct host *host, int err, char *buf,
			      size_t size);

/* What the macro's functions do. */
int knob_file_path(const struct knob_file *file, const char *object, char *buf, size_t size);
int knob_file_identity(const struct knob_file *file, struct host *host, const char *object,
		       char *buf, size_t size);
ssize_t knob_file_read(const struct knob_file *file, struct host *host, const char *object,
		       char *buf, size_t size);
int knob_file_check(const struct knob_file *file, struct host *host, const char *object,
		    const char *value, char *why, size_t why_size);
const char *knob_file_explain(const struct knob_file *file, int err);
int knob_file_targets(const struct knob_file *file, struct host *host, struct knob_targets *ret);
int knob_file_owner(const struct knob_file *file, struct host *host, char *buf, size_t size);
int knob_file_plan(const struct knob_file *file, struct host *host, const char *target,
		   const char *value, struct plan *ret, char *why, size_t why_size);

/* The step class alone, for a knob with a plan of its own: a `static const struct knob_file
 * symbol_file` with the fields in "...", and `step_class_symbol`. */
#define KNOB_FILE_CLASS(symbol, compare_, flags_, ...)                                             \
	extern const struct step_class step_class_##symbol;                                        \
	static const struct knob_file symbol##_file = {.name = #symbol,                            \
						       .compare = compare_,                        \
						       .step_class = &step_class_##symbol,         \
						       __VA_ARGS__};                               \
	static int symbol##_path(const char *object, char *buf, size_t size)                       \
	{                                                                                          \
		return knob_file_path(&symbol##_file, object, buf, size);                          \
	}                                                                                          \
	static int symbol##_identity(struct host *host, const char *object, char *buf,             \
				     size_t size)                                                  \
	{                                                                                          \
		return knob_file_identity(&symbol##_file, host, object, buf, size);                \
	}                                                                                          \
	static ssize_t symbol##_read(struct host *host, const char *object, char *buf,             \
				     size_t size)                                                  \
	{                                                                                          \
		return knob_file_read(&symbol##_file, host, object, buf, size);                    \
	}                                                                                          \
	static int symbol##_check(struct host *host, const char *object, const char *value,        \
				  char *why, size_t why_size)                                      \
	{                                                                                          \
		return knob_file_check(&symbol##_file, host, object, value, why, why_size);        \
	}                                                                                          \
	static const char *symbol##_explain(int err)                                               \
	{                                                                                          \
		return knob_file_explain(&symbol##_file, err);                                     \
	}                                                                                          \
	const struct step_class step_class_##symbol = {                                            \
		.name = #symbol,                                                                   \
		.compare = compare_,                                                               \
		.flags = flags_,                                                                   \
		.path = symbol##_path,                                                             \
		.identity = symbol##_identity,                                                     \
		.read = symbol##_read,                                                             \
		.check = symbol##_check,                                                           \
		.explain = symbol##_explain,                                                       \
	}

/* Class and knob. */
#define KNOB_FILE_DEFINE(symbol, family_, risk_, compare_, flags_, summary_, cost_, ...)           \
	KNOB_FILE_CLASS(symbol, compare_, flags_, __VA_ARGS__);                                    \
	static int symbol##_targets(struct host *host, struct knob_targets *ret)                   \
	{                                                                                          \
		return knob_file_targets(&symbol##_file, host, ret);                               \
	}                                                                                          \
	static int symbol##_plan(struct host *host, const char *target, const char *value,         \
				 struct plan *ret, char *why, size_t why_size)                     \
	{                                                                                          \
		return knob_file_plan(&symbol##_file, host, target, value, ret, why, why_size);    \
	}                                                                                          \
	static int symbol##_owner(struct host *host, const char *target, char *buf, size_t size)   \
	{                                                                                          \
		(void)target;                                                                      \
		return knob_file_owner(&symbol##_file, host, buf, size);                           \
	}                                                                                          \
	extern const struct knob knob_##symbol;                                                    \
	const struct knob knob_##symbol = {                                                        \
		.name = #symbol,                                                                   \
		.family = family_,                                                                 \
		.summary = summary_,                                                               \
		.cost = cost_,                                                                     \
		.risk = risk_,                                                                     \
		.targets = symbol##_targets,                                                       \
		.plan = symbol##_plan,                                                             \
		.owner = symbol##_owner,                                                           \
	}

#endif
