#include "tests/captures/unpack.h"

#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"

const char *captures_folder(char *buf, size_t size)
{
	const char *given = getenv("JT_CAPTURES"), *source = getenv("JT_SRCDIR");
	struct stat st;

	if (given)
		(void)snprintf(buf, size, "%s", given);
	else
		(void)snprintf(buf, size, "%s/../shared/captures", source ? source : ".");
	if (stat(buf, &st) == 0 && S_ISDIR(st.st_mode))
		return buf;
	printf("skipped: there is no folder %s (the shared captures; JT_CAPTURES names another)\n",
	       buf);
	return NULL;
}

/* posix_spawn: copying this process's page tables is the slow part of fork() under ASan. What no
 * test looks at stays packed: most of the files of the larger archives. */
static bool run_tar(const char *archive, const char *dir)
{
	static const char *const paths[] = {"/bin/tar", "/usr/bin/tar"};
	char path[] = "PATH=/usr/bin:/bin"; /* tar starts the decompressor */
	char *const environment[] = {path, NULL};
	const char *const words[] = {
		"tar",
		"-x",
		"-f",
		archive,
		"-C",
		dir,
		"--no-same-owner",
		"--no-same-permissions",
		"--delay-directory-restore",
		"--exclude=*/sys/devices/pci*",
		"--exclude=*/sys/bus/pci*",
		"--exclude=*/cpuidle/*",
		"--exclude=*/thermal_throttle/*",
		"--exclude=*/memory[0-9]*",
		"--exclude=*/power/*",
		"--exclude=*/acpi_cppc/*",
		"--exclude=*/microcode/*",
		"--exclude=*/hotplug/*",
		"--exclude=*/uevent",
		"--exclude=*/cpufreq/stats/*",
		"--exclude=*/cpufreq/policy*",
		"--exclude=*/cache/index*/number_of_sets",
		"--exclude=*/cache/index*/physical_line_partition",
		NULL,
	};
	char *arguments[ARRAY_SIZE(words)];
	int status;
	pid_t pid;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		arguments[i] = words[i] ? xstrdup(words[i]) : NULL;

	int r = -1;

	for (unsigned i = 0; r != 0 && i < ARRAY_SIZE(paths); i++)
		r = posix_spawn(&pid, paths[i], NULL, NULL, arguments, environment);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		free(arguments[i]);
	return r == 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* Tens of thousands of tiny files: memory is ten times faster for them than a disk. */
static const char *temporary_base(void)
{
	const char *given = getenv("TMPDIR");

	if (given)
		return given;
	return access("/dev/shm", R_OK | W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

bool captures_unpack(const char *archive, char *ret_dir, size_t size)
{
	char folder[PATH_MAX], path[2 * PATH_MAX];

	if (!captures_folder(folder, sizeof(folder)))
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, archive);
	(void)snprintf(ret_dir, size, "%s/jt-capture-XXXXXX", temporary_base());
	if (!mkdtemp(ret_dir))
		return false;
	if (run_tar(path, ret_dir))
		return true;
	printf("%s: tar failed\n", path);
	captures_remove(ret_dir);
	return false;
}

/* Captures hold folders without write permission. */
static int make_writable(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_D || type == FTW_DNR)
		(void)chmod(path, 0700);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void captures_remove(const char *dir)
{
	(void)nftw(dir, make_writable, 16, FTW_PHYS);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *captures_read(const char *path)
{
	char folder[PATH_MAX];
	_cleanup_(freep) char *full = NULL;
	size_t used = 0, room = 1 << 16;
	char *text = xcalloc(1, room);
	FILE *file;

	if (!captures_folder(folder, sizeof(folder))) {
		free(text);
		return NULL;
	}
	/* An absolute path is one of a folder that was unpacked. */
	full = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", folder, path);
	file = fopen(full, "re");
	if (!file) {
		free(text);
		return NULL;
	}
	for (size_t n; (n = fread(text + used, 1, room - used - 1, file)) > 0;) {
		used += n;
		if (room - used < 4096)
			text = xrealloc(text, room *= 2);
	}
	text[used] = '\0';
	(void)fclose(file);
	return text;
}
