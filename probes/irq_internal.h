/*
 * Private to the interrupt probe: the interrupts it knows (irq_table.c) and where their counts come
 * from. Up to IRQ_TEXT_MAX_CPUS possible CPUs that is /proc/interrupts, one read per run. On larger
 * machines that file is megabytes and costs milliseconds in the kernel, so there counts come from
 * the intr line of /proc/stat, whose positions are interrupt numbers (fs/proc/stat.c), and the CPU
 * from where each interrupt that moved is effectively delivered (irq_large.c).
 */
#ifndef JT_PROBES_IRQ_INTERNAL_H
#define JT_PROBES_IRQ_INTERNAL_H

#include "core/host.h"
#include "core/sample.h"
#include "probes/columns.h"

#define IRQ_TEXT_MAX_CPUS 64
#define SYS_IRQ "sys/kernel/irq"
#define PROC_IRQ "proc/irq"

/* A CPU list as a file gave it: the text goes to the sample as it is, the set is parsed only when
 * the text changed. */
struct irq_list {
	struct host_file *file; /* kept open while there are few interrupts */
	char *text;		/* NULL: never read */
	int error;		/* negative errno of the last read */
	struct cpuset *set;
	unsigned n_changes;
};

enum irq_managed { IRQ_MANAGED_UNKNOWN, IRQ_MANAGED_NO, IRQ_MANAGED_YES };

/* The files that say what an interrupt is. */
enum irq_fact { IRQ_FACT_ACTIONS, IRQ_FACT_CHIP, IRQ_FACT_TYPE, IRQ_FACT_HWIRQ, IRQ_FACT_NODE };
#define IRQ_FACTS 5

struct irq {
	unsigned number;
	bool is_seen;	 /* in this run */
	bool is_new;	 /* the number went to another device in this run */
	bool is_rebased; /* its total lost or gained the counts of a CPU that went or came */
	uint64_t count, last_count;
	uint64_t tail_hash; /* of what /proc/interrupts says behind the counts */
	bool has_identity;
	char *chip, *type, *actions; /* NULL: unknown */
	int64_t hwirq, node;	     /* -1: unknown or none */
	bool has_node;
	int fact_errors[IRQ_FACTS]; /* negative errno; 0: read or absent */
	struct irq_list affinity, effective;
	bool is_pending;
	bool is_stale; /* moved since its affinities were read */
	/* Counts by CPU, ascending, without zeros. */
	struct per_cpu_cell *cells;
	unsigned n_cells, cells_room;
	bool has_cells;
	bool is_late;	    /* irq_large.c: they are behind the count */
	unsigned cells_for; /* irq_large.c: effective.n_changes when the cells were true */
	/* What changes rarely (irq_facts.c). */
	bool has_rare;
	char *hint; /* affinity_hint as a list; NULL: unknown */
	int hint_error, managed_error;
	enum irq_managed managed;
	/* Its handler threads (irq_thread.c). */
	unsigned n_threads;
	const struct irq_thread *thread; /* the first */
};

struct irq_table {
	struct irq **at; /* by number */
	unsigned n, room;
	unsigned next_affinity, next_rare; /* round robin */
};

struct irq *irq_find(struct irq_table *table, unsigned number);
struct irq *irq_get(struct irq_table *table, unsigned number); /* adds it when new */
void irq_forget_unseen(struct irq_table *table);
void irq_table_done(struct irq_table *table);

/* tail: the rest of its line in /proc/interrupts, or NULL. Reads sys/kernel/irq when there. */
void irq_read_identity(struct irq *irq, struct host *host, const char *tail, size_t len);
bool irq_is_faulty(const struct irq *irq); /* some fact was not readable */
/* Notes the first such file in the sample. */
void irq_note_facts(const struct irq *irq, struct sample *out);
/* Few: all of them, through open files. Many: those that are stale and a share of the others. */
void irq_read_affinities(struct irq_table *table, struct host *host, struct sample *out);
/* The affinity hint and whether the kernel manages the affinity (debugfs), for interrupts that
 * have none yet and a share of the others. */
void irq_read_rare(struct irq_table *table, struct host *host, struct sample *out);
/* counts by place in cpus, n of them, in any order. */
void irq_set_cells(struct irq *irq, const unsigned *cpus, const uint64_t *counts, unsigned n,
		   bool is_sorted);
/* One interrupt's effective list, now. */
void irq_read_effective(struct irq *irq, struct host *host, struct sample *out, bool is_kept);

/* Sums per CPU. is_valid: the sums are of all interrupts. */
struct irq_sums {
	uint64_t *device; /* by CPU number, CPUSET_MAX of them */
	uint64_t *local;
	uint64_t *row;	    /* scratch: one row's counts by column */
	struct cpuset cpus; /* that have sums */
	/* Of the last run; the scope counts how often they changed (struct per_cpu). */
	struct cpuset cpus_before;
	uint32_t scope;
	bool has_device, has_local;
};

struct irq_text_faults {
	unsigned n_bad; /* lines not understood */
	bool is_cut;	/* the named rows, which every architecture has last, are missing */
};

/* One line of /proc/interrupts behind the header. */
enum irq_row_type {
	IRQ_ROW_EMPTY,
	IRQ_ROW_BAD,	/* no label */
	IRQ_ROW_DEVICE, /* number */
	IRQ_ROW_ARCH,	/* label: the CPU's own */
	IRQ_ROW_TOTAL,	/* label: one count for the whole host */
};
struct irq_row {
	enum irq_row_type type;
	unsigned number;
	const char *label, *tail; /* the tail: behind the counts, to the end of the line */
	size_t label_len;
	uint64_t sum;
	bool is_bad; /* its counts are not all there */
};
/* The line scan is at. counts: by column; NULL: those of devices are not read. */
void irq_read_row(struct scan *scan, const struct columns *columns, uint64_t *counts,
		  bool skips_devices, struct irq_row *ret);

/* Both mark what they saw and set the counts. */
int irq_parse_text(struct irq_table *table, struct host *host, struct columns *columns,
		   struct irq_sums *sums, const char *text,
		   struct irq_text_faults *ret) _must_check_;

struct irq_large {
	struct host_file *stat;
	struct cpuset possible;
	bool is_started;
	uint64_t listed_ns;
	unsigned next;	/* round robin of those delivered to several CPUs */
	unsigned *cpus; /* the possible ones, in order */
	unsigned n_cpus;
};
int irq_read_large(struct irq_large *large, struct irq_table *table, struct host *host,
		   struct irq_sums *sums, struct sample *out) _must_check_;
void irq_large_done(struct irq_large *large);

/* The kernel threads that handle interrupts ("irq/41-eth0"). Their list is read anew every 10 s,
 * and only threads that were not there before are looked at. */
struct irq_thread {
	unsigned pid, irq, policy, priority;
};

struct irq_threads {
	struct host_file *children;
	struct irq_thread *at; /* by pid */
	unsigned *others;      /* ascending: kernel threads that are none */
	unsigned n, n_others;
	unsigned next; /* round robin */
	uint64_t listed_ns;
	bool has_names; /* some thread's name could be read */
	int error;	/* negative errno of the list */
};
void irq_threads_read(struct irq_threads *threads, struct irq_table *table, struct host *host,
		      struct sample *out);
void irq_threads_done(struct irq_threads *threads);

#endif
