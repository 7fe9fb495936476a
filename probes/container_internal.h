/*
 * Private to the probe of containers: what is known of one control group (container.c), read from
 * its files (container_values.c), from its first process (container_process.c) and from the engine
 * that made it (container_engine.c, container_json.c, container_files.c).
 */
#ifndef JT_PROBES_CONTAINER_INTERNAL_H
#define JT_PROBES_CONTAINER_INTERNAL_H

#include "probes/cgroup_tree.h"

enum container_metric {
	C_ENGINE,
	C_ROLE,
	C_ID,
	C_NAME,
	C_IMAGE,
	C_POD,
	C_NAMESPACE,
	C_SOURCE,
	C_STATE,
	C_PID,
	C_TASKS,
	C_CPU_NS,
	C_PERIODS,
	C_THROTTLED,
	C_THROTTLED_NS,
	C_PSI_CPU,
	C_PSI_MEMORY,
	C_PSI_IO,
	C_CPU_MAX,
	C_CPU_QUOTA,
	C_CPU_WEIGHT,
	C_CPU_SHARES,
	C_CPUSET_CPUS,
	C_CPUSET_EFFECTIVE,
	C_CPUSET_MEMS,
	C_MEMS_EFFECTIVE,
	C_MEMORY,
	C_MEMORY_MAX,
	C_HUGETLB,
	C_PIDS,
	C_PIDS_MAX,
	C_NAMESPACES,
	C_CAPABILITIES,
	C_CAPABILITIES_BOUNDING,
	C_SECCOMP,
	C_NO_NEW_PRIVS,
	C_RT_THREADS,
	C_INTERFACES,
	C_FLAGS,
	CONTAINER_METRICS
};
extern const struct metric container_metrics[CONTAINER_METRICS];

/* What an engine says of a container. Strings are owned; NULL or 0: it does not say. */
struct container_facts {
	char *name, *image, *pod, *namespace, *state;
	pid_t pid;
	enum cgroup_engine engine; /* NONE: as the group's name says */
};
void container_facts_done(struct container_facts *facts);

/* What is known of a group between two runs. */
struct container {
	/* Texts are owned. Counters are of this run, the rest as old as details_ns. */
	struct value values[CONTAINER_METRICS];
	uint64_t details_ns; /* 0: never read */
	uint64_t asked_ns;   /* the engine, about this container; 0: never */
	struct container_facts facts;
	const char *source;  /* of the facts; NULL: none */
	pid_t pid;	     /* the first process; 0: none */
	unsigned rt_threads; /* real-time threads in the group itself */
	bool has_threads;    /* rt_threads is known */
	bool has_quota;
	uint64_t periods, throttled; /* of the last run */
	double throttled_share;	     /* of the periods since then; negative: unknown */
};

struct container_state {
	struct cgroup_tree tree;
	struct container_engines *engines; /* container_engine.c */
	unsigned threads_left;		   /* that may still be looked at in this run */
	char (*page_sizes)[16];		   /* "2MB": of hugetlb files */
	unsigned n_page_sizes;
	bool are_page_sizes_known;
	uint64_t all_capabilities; /* that this kernel knows */
	char *host_namespaces[8]; /* of pid 1, or ours; by container_process.c's list; NULL: unknown
				   */
};

/* One group in one run. */
struct container_run {
	struct container_state *state;
	struct host *host;
	struct sample *out;
	struct cgroup_node *node;
	struct container *container;
};

/* "container:/PATH". */
#define CONTAINER_KEY_MAX (CGROUP_PATH_MAX + 64)
void container_key(const struct cgroup_node *node, char *buf, size_t size);

/* Values in container->values. */
void container_set_u64(struct container *container, enum container_metric metric, uint64_t value);
void container_set_f64(struct container *container, enum container_metric metric, double value);
void container_set_text(struct container *container, enum container_metric metric,
			const char *text);
/* err: negative; 0: absent. */
void container_set_errno(struct container *container, enum container_metric metric, int err);

/* A file of the group in the hierarchy of a controller: bytes, or a negative errno (noted, unless
 * absent). */
ssize_t container_read(struct container_run *run, enum cgroup_controller controller,
		       const char *v1_name, const char *v2_name, char *buf, size_t size);
void container_read_counters(struct container_run *run);
void container_read_details(struct container_run *run);

/* container_process.c */
void container_read_process(struct container_run *run);
void container_process_open(struct container_state *state, struct host *host);
void container_process_close(struct container_state *state);
/* "chown kill net_admin", "all", "all but sys_module", "none". */
void container_capabilities(uint64_t set, uint64_t all, char *buf, size_t size);
int container_cap_number(const char *name); /* -1: none of that name */

/* container_engine.c: asks about what is not known yet, within the run's bounds. */
void container_engines_ask(struct container_state *state, struct host *host, struct sample *out);
void container_engines_free(struct container_engines *engines);

/* container_daemons.c: paths below the root, no text twice. */
struct container_texts {
	char **at;
	unsigned n;
};
void container_texts_add(struct container_texts *texts, const char *text);
/* Of "unix:///run/x.sock" and of an absolute path, without the leading slash; of others nothing. */
void container_texts_add_socket(struct container_texts *texts, const char *text);
void container_texts_add_path(struct container_texts *texts, const char *text);
void container_texts_done(struct container_texts *texts);

/* What the dockerd processes of the host say of themselves. */
struct container_daemon {
	struct container_texts sockets, roots, configurations;
};
void container_daemon_done(struct container_daemon *daemon);
void container_daemons_find(struct container_state *state, struct host *host,
			    struct container_daemon *ret);
/* "dockerd -H unix:///x --data-root=/y", its arguments separated by NULs. */
void container_dockerd_arguments(const char *cmdline, size_t len, struct container_daemon *daemon);

/* container_json.c. Replies of docker's /containers/json and of podman's of the same name, for the
 * ids that are asked for; is_found: it was there, with a name at least. */
struct container_wanted {
	const char *id;
	struct container_facts *facts;
	bool is_found;
};
int container_json_list(const char *text, size_t len, struct container_wanted *wanted,
			unsigned n) _must_check_;
/* docker's config.v2.json and config.json; OCI's config.json with the annotations of CRI runtimes;
 * containers.json of containers/storage. -EPROTO: JSON, but another one; -ENODATA: not this id. */
int container_json_docker(const char *text, size_t len, struct container_facts *ret) _must_check_;
int container_json_oci(const char *text, size_t len, struct container_facts *ret) _must_check_;
int container_json_storage(const char *text, size_t len, const char *id,
			   struct container_facts *ret) _must_check_;
/* docker's daemon.json: "hosts", "data-root" and its older name, added to the lists. */
int container_json_daemon(const char *text, size_t len,
			  struct container_daemon *daemon) _must_check_;

/* docker's hostconfig.json: what limits it has on record. */
struct container_limits {
	char cpus[512], mems[512];	       /* lists as they were given; "": none */
	uint64_t nano_cpus, period_us, shares; /* 0: none */
	int64_t quota_us;		       /* 0 or less: none */
};
int container_json_limits(const char *text, size_t len, struct container_limits *ret) _must_check_;

/* container_files.c: the state files of an engine below its directories. */
int container_files_docker(struct host *host, const char *data_root, const char *id,
			   struct container_facts *ret) _must_check_;
int container_files_containerd(struct host *host, const char *id,
			       struct container_facts *ret) _must_check_;
int container_files_storage(struct host *host, const char *id,
			    struct container_facts *ret) _must_check_;
/* Groups /NAMESPACE/ID of containerd's tasks with names of their users' choice (ctr) become
 * containers. In every run: a group may be there before its task. */
void container_files_mark_tasks(struct host *host, struct cgroup_tree *tree);

/* http.c would be a name for more than this: one reply of an HTTP/1.0 or 1.1 server, whole, that
 * closed the connection behind it. *ret_body points into reply. -EPROTO: no such reply; -EREMOTEIO:
 * another status than 200, in *ret_status. */
int container_http_body(const char *reply, size_t len, const char **ret_body, size_t *ret_len,
			unsigned *ret_status) _must_check_;

#endif
