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
};

/* The files that say what an interrupt is. */
enum irq_fact { IRQ_FACT_ACTIONS, IRQ_FACT_CHIP, IRQ_FACT_TYPE, IRQ_FACT_HWIRQ, IRQ_FACT_NODE };
#define IRQ_FACTS 5

struct irq {
	unsigned number;
	bool is_seen; /* in this run */
	uint64_t count, last_count;
	uint64_t tail_hash; /* of what /proc/interrupts says behind the counts */
	bool has_identity;
	char *chip, *type, *actions; /* NULL: unknown */
	int64_t hwirq, node;	     /* -1: unknown or none */
	bool has_node;
	int fact_errors[IRQ_FACTS]; /* negative errno; 0: read or absent */
	struct irq_list affinity, effective;
	bool is_pending;
	bool is_stale;	   /* moved since its affinities were read */
	uint32_t *per_cpu; /* irq_large.c: last per_cpu_count of one delivered to several CPUs */
};

struct irq_table {
	struct irq **at; /* by number */
	unsigned n, room;
	unsigned next_affinity; /* round robin */
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
/* One interrupt's effective list, now. */
void irq_read_effective(struct irq *irq, struct host *host, struct sample *out, bool is_kept);

/* Sums per CPU. is_valid: the sums are of all interrupts. */
struct irq_sums {
	uint64_t *device; /* by CPU number, CPUSET_MAX of them */
	uint64_t *local;
	struct cpuset cpus; /* that have sums */
	bool has_device, has_local;
};

struct irq_text_faults {
	unsigned n_bad; /* lines not understood */
	bool is_cut;	/* the named rows, which every architecture has last, are missing */
};

/* Both mark what they saw and set the counts. */
int irq_parse_text(struct irq_table *table, struct host *host, struct columns *columns,
		   struct irq_sums *sums, const char *text,
		   struct irq_text_faults *ret) _must_check_;

struct irq_large {
	struct host_file *stat;
	struct cpuset possible;
	bool is_started;
	uint64_t listed_ns;
};
int irq_read_large(struct irq_large *large, struct irq_table *table, struct host *host,
		   struct irq_sums *sums, struct sample *out) _must_check_;
void irq_large_done(struct irq_large *large);

#endif
