/*
 * A step class is the compiled-in rule for one kind of host setting: how an object's name becomes a
 * path, how values are compared, and how the identity of the object is read. Undo files and guard
 * messages name classes and objects, never paths, so that a forged file can set listed knobs only.
 *
 * One const struct beside the knob that uses it (probes/), listed in probes/probes.def.
 */
#ifndef JT_CORE_STEP_H
#define JT_CORE_STEP_H

#include "core/host.h"

#define STEP_PATH_MAX 1024 /* holds any path or preview text of a class, NUL included */

enum step_compare {
	STEP_U64,     /* one decimal number */
	STEP_CPULIST, /* a CPU list: compared as sets */
	STEP_WORD, /* one word, compared as text; "[a] b" choice files compare the bracketed word */
	STEP_I64,  /* one signed decimal number */
	STEP_CPUMASK, /* hexadecimal groups ("ff,ffffffff"): compared as sets; written back without
			 leading zeros, which the kernel takes for the same (lib/bitmap-str.c) */
	STEP_TEXT,    /* one line, compared after blanks around it are cut and runs of them made
			 one; may be empty */
};

enum step_flags {
	STEP_COUNTED = 1 << 0, /* counted thing: a value between old and ours is ours; less than
				  wished is "partial" */
	STEP_LAGGING = 1 << 1, /* accepted first, effective later: poll effective() up to 1 s, then
				  "pending" */
	STEP_SLOW = 1 << 2,    /* the write may block for seconds: progress is reported */
	STEP_HELD = 1 << 3,    /* lives only as long as the guard (an fd it holds): cannot be kept
				  after it. Undone by write() of "", which lets go and is harmless
				  where nothing is held */
	STEP_NOT_A_FILE = 1 << 4, /* path() gives text for people, write() and read() do the work */
	STEP_MAY_END = 1 << 5,	  /* threads: that the object ends by itself is no fault. Gone, or
				     another one by its identity: applying and undoing go on */
	/* Saved, not set: what a later step of the same plan destroys by itself (a CPU that goes
	 * offline takes settings with it). The new value is the old one, applying writes nothing;
	 * undoing comes after that later step's and writes the old value whatever is shown. */
	STEP_RESTORED = 1 << 6,
	/* One of many of a kind, whose refusal is no fault of the others: refused by the host, with
	 * its old value still there, or gone by now, it is reported and the change goes on. */
	STEP_OPTIONAL = 1 << 7,
	/* A write may show only later: undoing writes the old value even where that is shown. */
	STEP_DEFERRED = 1 << 8,
};

struct step_class {
	const char *name; /* "irq_affinity" */
	enum step_compare compare;
	unsigned flags;
	/* Path of object ("irq:36") relative to the host's root into buf, or what stands for it in
	 * the preview ("thread 1234: CPU affinity"). -EINVAL: not an object of this class. */
	int (*path)(const char *object, char *buf, size_t size);
	/* Identity text of the object now (chip+hwirq+action; ""), without blanks or newlines.
	 * -ENOENT: gone. */
	int (*identity)(struct host *host, const char *object, char *buf, size_t size);
	/* Reads the value where the file shows something else than a write to it means; same rules
	 * as host_read(). NULL: the file at path() as it is. */
	ssize_t (*read)(struct host *host, const char *object, char *buf, size_t size);
	/* Writes value (normalised, or as it was read before the change). NULL: one host_write() to
	 * path(). It runs in the guard, may use the doors of core/host_write.h only, and does one
	 * thing that takes effect at once and wholly: a crash may come at any system call. */
	int (*write)(struct host *host, const char *object, const char *value);
	/* Lagging classes: the effective value now, same form as the value. NULL otherwise. */
	int (*effective)(struct host *host, const char *object, char *buf, size_t size);
	/* Preflight of a wished value: 0, or -errno with a reason in words that says what to do.
	 * With 0 why is "" or a warning the user should see ("needs more than is free now"). */
	int (*check)(struct host *host, const char *object, const char *value, char *why,
		     size_t why_size);
	/* Undo, value is neither old nor ours: true when nobody chose it, it is what the kernel
	 * itself makes of the object when something else changes (a thread's affinity when its
	 * cpuset does). Then the old value is written. May be NULL. */
	bool (*is_left_over)(struct host *host, const char *object, const char *value);
	/* What a write's errno (positive) means for this class, in words; NULL: nothing better than
	 * strerror(). May be NULL itself. */
	const char *(*explain)(int err);
	/* What the kernel itself said about the write that failed just now (netlink's extended
	 * ack); "" nothing. NULL: there is no such channel. It is sanitised where it is shown. */
	const char *(*said)(const struct host *host);
	/* For `jittertop export`: the command (one simple command of POSIX sh, quoted) that gives
	 * object the value. NULL: a write to path(), or nothing where that is no file. */
	int (*shell)(const char *object, const char *value, char *buf, size_t size);
	/* The shell command that is true while object is the one with this identity; NULL: no
	 * other can have its name. */
	int (*shell_guard)(const char *object, const char *identity, char *buf, size_t size);
	/* What a value that the host shows instead of the wished one means, in words and with what
	 * to do ("isolated invalid (...)"): for files that say no by their content. NULL: nothing
	 * to say. May be NULL itself. */
	const char *(*explain_value)(const char *value);
};

#endif
