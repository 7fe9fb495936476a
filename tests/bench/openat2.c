/*
 * For callgrind only: valgrind 3.19 does not know openat2() and answers ENOSYS, at which a captured
 * host rightly refuses to open. The bench's captures are made by its own script and hold no
 * absolute link, so here, and only after ENOSYS, plain openat() stands in. Interposes libc's
 * syscall().
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);

	/* ISO C has no cast from an object pointer to a function pointer; POSIX says this works. */
	union {
		void *object;
		long (*function)(long, ...);
	} real = {.object = dlsym(RTLD_NEXT, "syscall")};
	long result = real.function(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (number == SYS_openat2 && result < 0 && errno == ENOSYS) {
		const struct open_how *how = (const struct open_how *)a[2];
		const char *path = (const char *)a[1];

		result = openat((int)a[0], *path ? path : ".", (int)how->flags, (mode_t)how->mode);
	}
	return result;
}
