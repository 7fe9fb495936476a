/* Listing directories only: what a walk over control groups needs, at a tenth of a full listing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_internal.h"

void host_dirs_add(struct host_dirs *dirs, const char *name, uint64_t inode)
{
	/* Room is not kept: it doubles whenever n is a power of two. */
	if (!(dirs->n & (dirs->n - 1)))
		dirs->at = xrealloc(dirs->at, (dirs->n ? 2 * dirs->n : 1) * sizeof(*dirs->at));
	dirs->at[dirs->n++] = (struct host_dir){.name = xstrdup(name), .inode = inode};
}

void host_dirs_done(struct host_dirs *dirs)
{
	for (size_t i = 0; i < dirs->n; i++)
		free(dirs->at[i].name);
	free(dirs->at);
	*dirs = (struct host_dirs){0};
}

static int compare_dirs(const void *a, const void *b)
{
	return strcmp(((const struct host_dir *)a)->name, ((const struct host_dir *)b)->name);
}

int host_list_dirsf(struct host *host, struct host_dirs *ret, const char *fmt, ...)
{
	char path[HOST_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int r = host_vpath(path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	if (atomic_load(&host->is_interrupted))
		return -ECANCELED;

	struct host_dirs dirs = {0};

	r = host->ops->list_dirs(host, path, &dirs);
	if (host->record)
		host_record_dirs(host, path, &dirs, r);
	if (r < 0) {
		host_dirs_done(&dirs);
		return r;
	}
	if (dirs.n)
		qsort(dirs.at, dirs.n, sizeof(*dirs.at), compare_dirs);
	*ret = dirs;
	return 0;
}
