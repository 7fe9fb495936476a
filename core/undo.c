#include "core/undo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/parse.h"
#include "core/undo_internal.h"

static const char trial_prefix[] = "trial-", kept_prefix[] = "kept-", old_prefix[] = "old-",
		  temporary_prefix[] = "tmp-", residue_prefix[] = "residue-", suffix[] = ".undo";

static const char *prefix_of(enum undo_kind kind)
{
	return kind == UNDO_RESIDUE ? residue_prefix
	       : kind == UNDO_KEPT  ? kept_prefix
				    : trial_prefix;
}

static void file_name(char *buf, size_t size, const char *prefix, uint64_t id)
{
	(void)snprintf(buf, size, "%s%llu%s", prefix, (unsigned long long)id, suffix);
}

/* The id in "prefixN.undo" in its one spelling; false: another name. */
static bool name_to_id(const char *name, const char *prefix, uint64_t *ret_id)
{
	char digits[24], again[64];
	size_t len = strlen(name), skip = strlen(prefix), tail = strlen(suffix);

	if (len <= skip + tail || strncmp(name, prefix, skip) != 0 ||
	    strcmp(name + len - tail, suffix) != 0 || len - skip - tail >= sizeof(digits))
		return false;
	memcpy(digits, name + skip, len - skip - tail);
	digits[len - skip - tail] = '\0';
	if (parse_u64(digits, ret_id))
		return false;
	file_name(again, sizeof(again), prefix, *ret_id);
	return !strcmp(again, name);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_temporary(int dirfd, const char *name, const char *text, size_t len)
{
	_cleanup_(fd_closep) int fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	int err = write_all(fd, text, len);
	if (err)
		return err;
	/* Never retried: after a failed fsync the kernel may have dropped the dirty pages. */
	return fsync(fd) < 0 ? -errno : 0;
}

int undo_write(int dirfd, const struct undo_header *header, const struct plan *plan)
{
	char temporary[64], name[64];
	_cleanup_(freep) char *text = NULL;
	size_t len;
	int err = undo_format(header, plan, &text, &len);

	if (err)
		return err;
	file_name(temporary, sizeof(temporary), temporary_prefix, header->id);
	file_name(name, sizeof(name), header->is_kept ? kept_prefix : trial_prefix, header->id);
	err = write_temporary(dirfd, temporary, text, len);
	if (!err && renameat(dirfd, temporary, dirfd, name) < 0)
		err = -errno;
	if (err) {
		(void)unlinkat(dirfd, temporary, 0);
		return err;
	}
	if (fsync(dirfd) < 0) {
		err = -errno;
		/* Nothing was touched, so the file would only be undone to no effect. */
		(void)unlinkat(dirfd, name, 0);
	}
	return err;
}

static int read_text(int dirfd, const char *name, char **ret_text, size_t *ret_len)
{
	_cleanup_(fd_closep) int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)UNDO_FILE_MAX)
		return -EBADMSG;

	/* One that grows meanwhile is not one of ours. */
	size_t room = (size_t)st.st_size + 1, len = 0;
	_cleanup_(freep) char *text = xcalloc(1, room + 1);
	for (;;) {
		ssize_t n = read(fd, text + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == room)
			return -EBADMSG;
	}
	*ret_text = text;
	*ret_len = len;
	text = NULL;
	return 0;
}

int undo_read(int dirfd, uint64_t id, enum undo_kind kind, const struct step_class *const *classes,
	      struct undo_header *ret_header, struct plan *ret_plan)
{
	char name[64];
	_cleanup_(freep) char *text = NULL;
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct undo_header header;
	size_t len;

	file_name(name, sizeof(name), prefix_of(kind), id);
	int err = read_text(dirfd, name, &text, &len);
	if (!err)
		err = undo_parse(text, len, classes, &header, plan);
	if (err)
		return err;
	if (header.id != id)
		return -EBADMSG;
	header.is_residue = kind == UNDO_RESIDUE;
	header.is_kept = kind == UNDO_KEPT; /* the name is the commit point, not the text */
	*ret_header = header;
	plan_move(ret_plan, plan);
	return 0;
}

/*
 * Removing and renaming are not undone when the directory cannot be synced: what a power failure
 * could bring back then belongs to another boot and is archived, never replayed.
 */
int undo_remove(int dirfd, uint64_t id, enum undo_kind kind)
{
	char name[64];

	file_name(name, sizeof(name), prefix_of(kind), id);
	if (unlinkat(dirfd, name, 0) < 0)
		return -errno;
	(void)fsync(dirfd);
	return 0;
}

int64_t undo_time(int dirfd, uint64_t id, enum undo_kind kind)
{
	char name[64];
	struct stat st;

	file_name(name, sizeof(name), prefix_of(kind), id);
	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : (int64_t)st.st_mtime;
}

static int rename_file(int dirfd, const char *from_prefix, const char *to_prefix, uint64_t id)
{
	char from[64], to[64];

	file_name(from, sizeof(from), from_prefix, id);
	file_name(to, sizeof(to), to_prefix, id);
	if (renameat(dirfd, from, dirfd, to) < 0)
		return -errno;
	(void)fsync(dirfd);
	return 0;
}

int undo_keep(int dirfd, uint64_t id)
{
	return rename_file(dirfd, trial_prefix, kept_prefix, id);
}

int undo_leave_residue(int dirfd, uint64_t id, enum undo_kind kind)
{
	return rename_file(dirfd, prefix_of(kind), residue_prefix, id);
}

int undo_archive(int dirfd, uint64_t id, enum undo_kind kind)
{
	return rename_file(dirfd, prefix_of(kind), old_prefix, id);
}

static bool is_file_damaged(int dirfd, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;

	return read_text(dirfd, name, &text, &len) || undo_check_seal(text, len, NULL, NULL);
}

/* Calls fn for every file name of the directory. */
static int for_each_name(int dirfd, void (*fn)(int dirfd, const char *name, void *arg), void *arg)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);

		if (!entry)
			break;
		fn(dirfd, entry->d_name, arg);
	}
	int err = -errno;
	(void)closedir(dir);
	return err;
}

static void list_one(int dirfd, const char *name, void *arg)
{
	struct undo_list *list = arg;
	uint64_t id;
	bool is_kept = name_to_id(name, kept_prefix, &id);
	bool is_residue = !is_kept && name_to_id(name, residue_prefix, &id);

	if (!is_kept && !is_residue && !name_to_id(name, trial_prefix, &id))
		return;
	list->entries = xrealloc(list->entries, (list->n + 1) * sizeof(*list->entries));
	list->entries[list->n++] = (struct undo_entry){.id = id,
						       .is_kept = is_kept,
						       .is_residue = is_residue,
						       .is_damaged = is_file_damaged(dirfd, name)};
}

static int compare_entries(const void *a, const void *b)
{
	const struct undo_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int undo_list(int dirfd, struct undo_list *ret)
{
	struct undo_list list = {0};
	int err = for_each_name(dirfd, list_one, &list);

	if (err) {
		undo_list_done(&list);
		return err;
	}
	if (list.n)
		qsort(list.entries, list.n, sizeof(*list.entries), compare_entries);
	*ret = list;
	return 0;
}

void undo_list_done(struct undo_list *list)
{
	free(list->entries);
	*list = (struct undo_list){0};
}

static void highest_id(int dirfd, const char *name, void *arg)
{
	uint64_t *highest = arg, id;

	(void)dirfd;
	if ((name_to_id(name, trial_prefix, &id) || name_to_id(name, kept_prefix, &id) ||
	     name_to_id(name, residue_prefix, &id) || name_to_id(name, old_prefix, &id)) &&
	    id > *highest)
		*highest = id;
}

int undo_next_id(int dirfd, uint64_t *ret)
{
	uint64_t highest = 0;
	int err = for_each_name(dirfd, highest_id, &highest);

	if (err)
		return err;
	if (highest >= UINT32_MAX)
		return -EOVERFLOW;
	*ret = highest + 1;
	return 0;
}

static void remove_temporary(int dirfd, const char *name, void *arg)
{
	(void)arg;
	if (!strncmp(name, temporary_prefix, strlen(temporary_prefix)))
		(void)unlinkat(dirfd, name, 0);
}

int undo_remove_temporaries(int dirfd)
{
	return for_each_name(dirfd, remove_temporary, NULL);
}
