/*
 * Private to the QMP client: messages out of a stream (qmp_message.c), what the answers say
 * (qmp_json.c, qmp_devices.c, qmp_stats.c). The peer is untrusted: probes/qmp.h says what of it is
 * checked.
 */
#ifndef JT_PROBES_QMP_INTERNAL_H
#define JT_PROBES_QMP_INTERNAL_H

#include "probes/qmp.h"

struct json_object;

/* --- messages --- */

/* A monitor with pretty=on says one message in many lines. Zeroed by its owner; free() text. */
struct qmp_assembly {
	char *text;
	size_t len, size;
	unsigned depth;
	bool is_in_string, is_escaped;
};
/* Adds one line. 1: *ret_text is a whole message, until the next call; 0: more is to come; -EFBIG
 * longer than JSON_LIMIT_BYTES; -EBADMSG cannot begin a message. Blank lines are skipped. */
int qmp_assemble(struct qmp_assembly *assembly, const char *line, size_t len, const char **ret_text,
		 size_t *ret_len) _must_check_;

enum qmp_kind { QMP_GREETING, QMP_EVENT, QMP_RETURN, QMP_ERROR };
struct qmp_message {
	enum qmp_kind kind;
	struct json_object *root;
	struct json_object *value; /* of "QMP" or "return"; may be NULL (null) */
	char id[48];
	char error_class[32], error_desc[80];
};
/* 0, -EPROTO for JSON of another shape, and what json_limits_parse() returns. Done with
 * qmp_message_done() in any case. */
int qmp_message_parse(const char *text, size_t len, struct qmp_message *ret) _must_check_;
void qmp_message_done(struct qmp_message *message);

/* --- values --- */

struct json_object *qmp_member(struct json_object *object, const char *key); /* NULL: none */
struct qmp_number qmp_member_number(struct json_object *object, const char *key);
/* Into a field that is 0 where there is none. -ERANGE: no such number, or it does not fit. */
int qmp_member_u32(struct json_object *object, const char *key, uint32_t *ret) _must_check_;
int qmp_member_tid(struct json_object *object, const char *key, pid_t *ret) _must_check_;
struct qmp_number qmp_member_bool(struct json_object *object, const char *key);
bool qmp_member_is_true(struct json_object *object, const char *key);
void qmp_member_text(struct json_object *object, const char *key, char *buf, size_t size);
/* "/machine/unattached/device[0]": nothing that would have to be quoted in a request. */
bool qmp_is_plain(const char *text);

/* An array of items; each is zeroed before read() gets it. The caller owns *ret_at. -EPROTO, and
 * what read() returns. */
int qmp_read_list(struct json_object *value, size_t size, unsigned max,
		  int (*read)(void *item, struct json_object *from), void **ret_at, unsigned *ret_n,
		  bool *ret_is_cut) _must_check_;
/* Reads a QMP_LIST(); what was there stays when it fails. */
#define QMP_READ_LIST(list, max, value, read)                                                      \
	({                                                                                         \
		void *at_ = NULL;                                                                  \
		unsigned n_ = 0;                                                                   \
		bool is_cut_ = false;                                                              \
		int r_ = qmp_read_list(value, sizeof(*(list).at), max, read, &at_, &n_, &is_cut_); \
                                                                                                   \
		if (r_ == 0) {                                                                     \
			free((list).at);                                                           \
			(list).at = at_;                                                           \
			(list).n = n_;                                                             \
			(list).is_cut = is_cut_;                                                   \
		}                                                                                  \
		r_;                                                                                \
	})

/* --- answers --- */

/* The value of an answer into the machine; 0, or -EPROTO and the machine's values stay. slice: of
 * QMP_STATS_VCPU. */
int qmp_read_answer(struct qmp_machine *machine, enum qmp_command command, unsigned slice,
		    struct json_object *value) _must_check_;
void qmp_forget_answer(struct qmp_machine *machine, enum qmp_command command);
void qmp_machine_done(struct qmp_machine *machine); /* all but key and path */
int qmp_read_version(struct qmp_machine *machine, struct json_object *value) _must_check_;

int qmp_read_chardevs(struct qmp_machine *machine, struct json_object *value) _must_check_;
int qmp_read_blocks(struct qmp_machine *machine, struct json_object *value) _must_check_;
int qmp_read_pci(struct qmp_machine *machine, struct json_object *value) _must_check_;
int qmp_read_rx_filters(struct qmp_machine *machine, struct json_object *value) _must_check_;

int qmp_read_schemas(struct qmp_machine *machine, struct json_object *value) _must_check_;
int qmp_read_vm_stats(struct qmp_machine *machine, struct json_object *value) _must_check_;
int qmp_read_vcpu_stats(struct qmp_machine *machine, unsigned slice,
			struct json_object *value) _must_check_;
/* How many requests QMP_STATS_VCPU takes: very wide machines are asked in parts, since an answer
 * has limits. 0: there is nothing to ask. */
unsigned qmp_stats_slices(const struct qmp_machine *machine);
/* The whole request; the caller frees it. id: what the answer must carry (48 bytes). */
char *qmp_request(const struct qmp_machine *machine, enum qmp_command command, unsigned slice,
		  char *id);

/* --- connections --- */

enum qmp_phase { QMP_PHASE_GREETING, QMP_PHASE_CAPABILITIES, QMP_PHASE_ASKING };

/* One machine, and while it is connected its session. */
struct qmp_monitor {
	struct qmp_machine machine;
	uint32_t wanted;
	bool is_listed;	   /* since qmp_pool_begin() */
	uint64_t retry_ns; /* not before */
	uint64_t pause_ns; /* the last one */

	struct host_unix *socket; /* NULL: not connected */
	enum qmp_phase phase;
	uint32_t due; /* commands still to be asked */
	enum qmp_command command;
	unsigned slice;
	char id[48]; /* of the answer that is awaited */
	struct qmp_assembly assembly;
	unsigned n_lines, n_unasked;
	size_t unasked_bytes;
	bool has_more; /* than was looked at: no need to wait */
};

struct qmp_pool {
	struct host *host;
	struct qmp_monitor *monitors[QMP_MACHINES_MAX];
	unsigned n;
	uint64_t now_ns; /* when the present run began */
};

/* Connects; no socket afterwards: it failed, and the machine says why. Returns -ECANCELED only. */
int qmp_session_start(struct qmp_pool *pool, struct qmp_monitor *monitor) _must_check_;
/* Takes one line, if it is there, and asks the next question. No socket afterwards: it is over,
 * well or not. Returns -ECANCELED only. */
int qmp_session_step(struct qmp_pool *pool, struct qmp_monitor *monitor) _must_check_;
/* The connection is of no more use: why. The command it broke at is left out for a while. */
void qmp_session_break(struct qmp_pool *pool, struct qmp_monitor *monitor, const char *why);
void qmp_session_end(struct qmp_monitor *monitor);

#endif
