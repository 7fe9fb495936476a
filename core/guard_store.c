#include "core/guard_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/host_write.h"
#include "core/parse.h"
#include "core/text.h"
#include "core/undo_internal.h"

#define READ_ATTEMPTS 4

static const char lock_name[] = "lock";

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t guard_boottime_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t guard_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void sleep_ms(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&ts, NULL);
}

/* Not syslog(3): that blocks when the logger does not read, and the guard must not. */
void guard_log(const struct guard_options *options, const char *fmt, ...)
{
	static const struct sockaddr_un logger = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	char text[600], clean[700], line[800];
	va_list ap;

	if (options->is_quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)text_sanitise(text, strlen(text), clean, sizeof(clean));
	/* facility daemon, severity warning (RFC 3164) */
	int len = snprintf(line, sizeof(line), "<28>jittertop[%d]: %s", (int)getpid(), clean);
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && len > 0)
		(void)!sendto(fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&logger, sizeof(logger));
}

int guard_open_host(const struct guard_options *options, struct host **ret)
{
	return options->open_host ? options->open_host(options->open_host_arg, ret)
				  : host_open_live(ret);
}

/* --- directory and lock --- */

int guard_store_open(struct guard_store *store, const struct guard_options *options,
		     bool may_create, char *why, size_t why_size)
{
	const char *dir = options->run_dir ? options->run_dir : JT_RUNDIR;
	struct stat st;

	*store = (struct guard_store){.dirfd = -1, .lock_fd = -1, .options = options};
	if (may_create && mkdir(dir, 0700) < 0 && errno != EEXIST) {
		int err = -errno;

		(void)snprintf(why, why_size, "%s: cannot be made: %s", dir, strerror(-err));
		return err;
	}
	_cleanup_(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = -errno;

		(void)snprintf(why, why_size, "%s: %s", dir, strerror(-err));
		return err;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		(void)snprintf(why, why_size,
			       "%s: belongs to somebody else or may be written by others: remove "
			       "it",
			       dir);
		return -EPERM;
	}
	store->dirfd = fd;
	fd = -1;
	return 0;
}

void guard_store_close(struct guard_store *store)
{
	host_close(store->host);
	fd_closep(&store->lock_fd);
	fd_closep(&store->dirfd);
	store->host = NULL;
	store->dirfd = store->lock_fd = -1;
}

static pid_t read_holder(int fd)
{
	char text[32] = "";
	uint64_t pid;
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, &pid) || pid > INT_MAX ? 0 : (pid_t)pid;
}

/* The lock file's second line; 0 when there is none. */
static uint64_t read_last_id(int fd)
{
	char text[64] = "";
	uint64_t id;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	char *line = strchr(text, '\n');
	if (!line)
		return 0;
	line[1 + strcspn(line + 1, "\n")] = '\0';
	return parse_u64(line + 1, &id) ? 0 : id;
}

/* Information for people and for the next instance; the lock is what counts. */
static void write_lock_file(int fd, uint64_t last_id)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%d\n%llu\n", (int)getpid(),
			   (unsigned long long)last_id);

	if (pwrite(fd, text, (size_t)len, 0) == len)
		(void)!ftruncate(fd, len);
}

int guard_store_next_id(struct guard_store *store, uint64_t *ret)
{
	uint64_t id;
	int err = undo_next_id(store->dirfd, &id);

	if (err)
		return err;
	if (id <= store->last_id && store->last_id < UINT32_MAX)
		id = store->last_id + 1;
	store->last_id = id;
	write_lock_file(store->lock_fd, id);
	*ret = id;
	return 0;
}

/* True when the lock file is still the one that is open: a removed one guards nothing. */
static bool is_current(const struct guard_store *store, int fd)
{
	struct stat mine, named;

	return !fstat(fd, &mine) &&
	       !fstatat(store->dirfd, lock_name, &named, AT_SYMLINK_NOFOLLOW) &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

/*
 * The lock is the writer's sign of life: it is opened by the process that writes, after its fork,
 * and inherited by nobody, so that the kernel frees it exactly when that process is dead.
 * The directory is locked too: with the lock file removed under a living guard a second one would
 * otherwise take a new file for the lock and undo the trials of the first.
 * The patience covers those who only ask (guard_store_is_locked).
 */
int guard_store_lock(struct guard_store *store, unsigned patience_ms, pid_t *ret_holder)
{
	for (unsigned waited = 0;; waited += 10) {
		_cleanup_(fd_closep) int fd = openat(
			store->dirfd, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 && errno == EROFS) {
			store->is_read_only = true;
			fd = openat(store->dirfd, lock_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		}
		if (fd < 0 && errno != EINTR)
			return -errno;
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_current(store, fd) &&
		    flock(store->dirfd, LOCK_EX | LOCK_NB) == 0) {
			store->last_id = read_last_id(fd);
			write_lock_file(fd, store->last_id);
			store->lock_fd = fd;
			fd = -1;
			return 0;
		}
		if (waited >= patience_ms) {
			if (ret_holder)
				*ret_holder = fd >= 0 ? read_holder(fd) : 0;
			return -EBUSY;
		}
		sleep_ms(10);
	}
}

bool guard_store_is_locked(const struct guard_store *store, pid_t *ret_holder)
{
	_cleanup_(fd_closep) int fd =
		openat(store->dirfd, lock_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*ret_holder = 0;
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		*ret_holder = read_holder(fd);
		return true;
	}
	/* The lock file is gone or new: whose it was is not known. */
	if (flock(store->dirfd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	(void)flock(store->dirfd, LOCK_UN);
	return false;
}

int guard_store_prepare(struct guard_store *store, char *why, size_t why_size)
{
	int err = guard_open_host(store->options, &store->host);

	if (err) {
		(void)snprintf(why, why_size, "the host cannot be opened: %s", strerror(-err));
		return err;
	}
	host_arm(store->host); /* the lock is held */
	ssize_t len = -EINTR;
	for (unsigned i = 0; len < 0 && i < READ_ATTEMPTS; i++)
		len = host_read(store->host, "proc/sys/kernel/random/boot_id", store->boot_id,
				sizeof(store->boot_id));
	if (len <= 0) {
		(void)snprintf(why, why_size, "the boot id cannot be read: %s: is /proc mounted?",
			       strerror(len ? (int)-len : ENODATA));
		return len ? (int)len : -ENODATA;
	}
	return 0;
}

/* --- applying and taking back --- */

static void event_init(struct guard_event *event, const struct undo_header *header,
		       const struct plan *plan)
{
	plan_copy(&event->plan, plan);
	change_report_done(&event->report);
	event->type = GUARD_EVENT_TRANSACTION;
	event->state = GUARD_READY;
	event->id = header->id;
	event->deadline_boottime_ns = header->deadline_boottime_ns;
	event->request = event->start_ns = event->end_ns = 0;
	event->text[0] = '\0';
}

/* The first step that did not go as wished, in words. */
static void event_say_first(struct guard_event *event)
{
	for (unsigned i = 0; i < event->report.n_steps; i++) {
		if (event->report.steps[i].error && event->report.steps[i].why[0]) {
			memcpy(event->text, event->report.steps[i].why, sizeof(event->text));
			return;
		}
	}
	for (unsigned i = 0; i < event->report.n_steps; i++) {
		if (event->report.steps[i].why[0]) {
			memcpy(event->text, event->report.steps[i].why, sizeof(event->text));
			return;
		}
	}
}

int guard_store_read(struct guard_store *store, uint64_t id, enum undo_kind kind,
		     struct undo_header *ret_header, struct plan *ret_plan)
{
	int err = -EIO;

	for (unsigned i = 0; i < READ_ATTEMPTS && err && err != -EBADMSG && err != -ENOENT; i++)
		err = undo_read(store->dirfd, id, kind, store->options->classes, ret_header,
				ret_plan);
	return err;
}

/* Over: removed, or as residue put where nobody replays it but the user sees it. Residue that was
 * looked at again on the user's word is over, too. */
static void settle_file(struct guard_store *store, const struct undo_header *header, bool residue)
{
	enum undo_kind kind = undo_kind_of(header->is_kept, header->is_residue);
	int err = -EIO;

	if (residue && kind != UNDO_RESIDUE && !undo_leave_residue(store->dirfd, header->id, kind))
		return;
	for (unsigned i = 0; i < READ_ATTEMPTS && err && err != -ENOENT; i++)
		err = undo_remove(store->dirfd, header->id, kind);
	if (err && err != -ENOENT)
		guard_log(store->options, "transaction %llu: its undo file cannot be removed: %s",
			  (unsigned long long)header->id, strerror(-err));
}

static void log_residue(struct guard_store *store, const struct guard_event *event)
{
	for (unsigned i = 0; i < event->report.n_steps; i++) {
		const struct change_step_report *step = &event->report.steps[i];

		if (step->result == CHANGE_EXACT || step->result == CHANGE_NOTHING)
			continue;
		guard_log(store->options, "transaction %llu (%s): not taken back: %s: %s",
			  (unsigned long long)event->id, event->plan.title,
			  event->plan.steps[i].object, step->why);
	}
}

void guard_store_undo(struct guard_store *store, const struct undo_header *header,
		      const struct plan *plan, const struct change_report *applied,
		      change_progress_fn *progress, void *arg, struct guard_event *ret,
		      bool *ret_has_file)
{
	bool has_file = false;

	event_init(ret, header, plan);
	ret->deadline_boottime_ns = 0;
	ret->start_ns = guard_monotonic_ns();
	int residue = change_undo_applied(store->host, plan, applied, progress, arg, &ret->report);
	ret->end_ns = guard_monotonic_ns();
	ret->transaction = residue ? TRANSACTION_RESIDUE : TRANSACTION_REVERTED;
	/* What another agent or a vanished object left is over; what could not be written may be
	 * tried again by hand. */
	for (unsigned i = 0; i < ret->report.n_steps; i++) {
		if (ret->report.steps[i].result == CHANGE_REFUSED ||
		    ret->report.steps[i].result == CHANGE_PARTIAL)
			has_file = true;
	}
	if (!has_file)
		settle_file(store, header, residue);
	if (residue) {
		event_say_first(ret);
		log_residue(store, ret);
	}
	*ret_has_file = has_file;
}

void guard_store_apply(struct guard_store *store, const struct undo_header *header,
		       const struct plan *plan, change_progress_fn *progress, void *arg,
		       struct guard_event *ret, bool *ret_has_file)
{
	event_init(ret, header, plan);
	ret->transaction = TRANSACTION_REFUSED;
	*ret_has_file = false;
	int err = change_check(store->host, plan, &ret->report);
	if (err) {
		event_say_first(ret);
		return;
	}
	err = undo_write(store->dirfd, header, plan);
	if (err) {
		(void)snprintf(ret->text, sizeof(ret->text),
			       "nothing was changed: the undo file cannot be written: %s",
			       strerror(-err));
		return;
	}
	ret->start_ns = guard_monotonic_ns();
	err = change_apply(store->host, plan, progress, arg, &ret->report);
	ret->end_ns = guard_monotonic_ns();
	if (!err) {
		ret->transaction = TRANSACTION_TRIAL;
		*ret_has_file = true;
		event_say_first(ret);
		return;
	}

	/* change_apply() took everything back; this looks again, and decides about the file. */
	_cleanup_(guard_event_freep) struct guard_event *undone = guard_event_new();
	event_say_first(ret);
	guard_store_undo(store, header, plan, &ret->report, NULL, NULL, undone, ret_has_file);
	if (undone->transaction == TRANSACTION_REVERTED)
		return;
	guard_event_copy(ret, undone);
}

/* --- recovery --- */

static void report_damaged(struct guard_store *store, uint64_t id, int err, guard_outcome_fn *fn,
			   void *arg)
{
	static const struct plan no_plan;
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();

	event_init(event, &(struct undo_header){.id = id}, &no_plan);
	event->transaction = TRANSACTION_RESIDUE;
	(void)snprintf(event->text, sizeof(event->text),
		       "its undo file trial-%llu.undo %s: nothing was touched: read it and put the "
		       "values back by hand, then remove it",
		       (unsigned long long)id, err == -EBADMSG ? "is damaged" : "cannot be read");
	guard_log(store->options, "transaction %llu: %s", (unsigned long long)id, event->text);
	if (fn)
		fn(arg, event);
}

static int recover_one(struct guard_store *store, const struct undo_entry *entry,
		       guard_outcome_fn *fn, void *arg)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	struct undo_header header;
	bool has_file;
	enum undo_kind kind = undo_kind_of(entry->is_kept, entry->is_residue);
	int err = guard_store_read(store, entry->id, kind, &header, plan);

	if (err) {
		if (kind == UNDO_TRIAL)
			report_damaged(store, entry->id, err, fn, arg);
		return kind == UNDO_TRIAL;
	}
	if (strcmp(header.boot_id, store->boot_id) != 0) {
		/* The reboot has put every value back; this one's objects may be others. */
		(void)!undo_archive(store->dirfd, entry->id, kind);
		return 0;
	}
	if (kind != UNDO_TRIAL)
		return 0;
	guard_store_undo(store, &header, plan, NULL, NULL, NULL, event, &has_file);
	guard_log(store->options, "transaction %llu (%s): left by a dead instance, %s",
		  (unsigned long long)header.id, plan->title,
		  event->transaction == TRANSACTION_REVERTED ? "taken back"
							     : "not wholly taken back");
	if (fn)
		fn(arg, event);
	return event->transaction != TRANSACTION_REVERTED;
}

int guard_store_recover(struct guard_store *store, guard_outcome_fn *fn, void *arg)
{
	struct undo_list list;
	int residue = 0, err = -EIO;

	(void)!undo_remove_temporaries(store->dirfd);
	(void)unlinkat(store->dirfd, "guard.sock", 0); /* of the dead: nobody answers there */
	for (unsigned i = 0; i < READ_ATTEMPTS && err; i++)
		err = undo_list(store->dirfd, &list);
	if (err)
		return err;
	for (size_t i = list.n; i-- > 0;)
		residue |= recover_one(store, &list.entries[i], fn, arg);
	undo_list_done(&list);
	return residue;
}
