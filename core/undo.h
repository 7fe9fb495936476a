/*
 * Undo files: one small text file per transaction, complete and synced before the first write to
 * the host.
 *
 *   jittertop-undo 1
 *   id 7
 *   boot 4c0f...        boot id; a file of another boot is archived, never replayed
 *   who 1234 root       pid of the program and the user it works for
 *   state trial         reverted on any loss; in kept-N.undo the same text stands for kept
 *   title irq 41 -> cpu 0
 *   deadline 123456789  ns CLOCK_BOOTTIME, 0: none
 *   affected 0-3        CPUs
 *   step irq_affinity irq:41 old 0-1 new 0 identity PCI-MSIX-0000:00:03.0/1/virtio2-input.0
 *   later cgroup_file V2:/mine:cpuset.cpus old \- new 2-3 identity \-    see plan_add_later()
 *   try irq_affinity irq:42 ...         as step, but is_optional (plan.h)
 *   end 2 a1b2c3d4      number of steps, CRC-32 of all bytes before this line
 *
 * (Blanks, backslashes and control characters inside values are escaped as \xNN.) It names classes
 * and objects, never paths. Calling sequence: undo_write() (tmp, fsync, rename, fsync of the
 * directory), then the host is written, then undo_remove() after the revert, or undo_keep() (rename
 * to kept-N.undo: the commit point). What other agents' values or vanished objects kept from going
 * back stays listed as residue-N.undo until `undo N` is said again. A failed fsync is never
 * retried. A damaged file is not guessed at: undo_read() says -EBADMSG and the file is kept as it
 * is.
 */
#ifndef JT_CORE_UNDO_H
#define JT_CORE_UNDO_H

#include <sys/types.h>

#include "core/plan.h"

#define UNDO_FILE_MAX (8u * 1024 * 1024)

struct undo_header {
	uint64_t id;
	char boot_id[40];
	pid_t who_pid;
	char who_user[64];
	uint64_t deadline_boottime_ns;
	bool is_kept;
	bool is_residue; /* taken back, but for what is told in words: residue-N.undo */
};

/* Which file of a transaction: trial-N.undo, kept-N.undo, residue-N.undo. */
enum undo_kind { UNDO_TRIAL, UNDO_KEPT, UNDO_RESIDUE };

struct undo_list {
	struct undo_entry {
		uint64_t id;
		bool is_kept;
		bool is_residue;
		bool is_damaged;
	} * entries; /* ascending id */
	size_t n;
};

/* Text <-> plan; the format above. classes: NULL-terminated. What ret_plan had is freed. -EFBIG:
 * longer than UNDO_FILE_MAX. Returned by -EBADMSG: bad syntax,
 * count, CRC or unknown class. */
int undo_format(const struct undo_header *header, const struct plan *plan, char **ret_text,
		size_t *ret_len);
int undo_parse(const char *text, size_t len, const struct step_class *const *classes,
	       struct undo_header *ret_header, struct plan *ret_plan) _must_check_;

int undo_write(int dirfd, const struct undo_header *header, const struct plan *plan) _must_check_;
int undo_read(int dirfd, uint64_t id, enum undo_kind kind, const struct step_class *const *classes,
	      struct undo_header *ret_header, struct plan *ret_plan) _must_check_;
int undo_remove(int dirfd, uint64_t id, enum undo_kind kind) _must_check_;
int undo_keep(int dirfd, uint64_t id) _must_check_;
/* When it was written, in seconds since 1970; 0: unknown. */
int64_t undo_time(int dirfd, uint64_t id, enum undo_kind kind);
/* Taken back as far as possible; what is left is others' now. Remembered until the user has seen
 * it: nobody replays it, only `undo N` looks again. */
int undo_leave_residue(int dirfd, uint64_t id, enum undo_kind kind) _must_check_;
/* Another boot's: renamed to old-N.undo. */
int undo_archive(int dirfd, uint64_t id, enum undo_kind kind) _must_check_;
static inline enum undo_kind undo_kind_of(bool is_kept, bool is_residue)
{
	return is_residue ? UNDO_RESIDUE : is_kept ? UNDO_KEPT : UNDO_TRIAL;
}
int undo_list(int dirfd, struct undo_list *ret) _must_check_;
void undo_list_done(struct undo_list *list);
int undo_next_id(int dirfd, uint64_t *ret) _must_check_;

#endif
