/*
 * Small things every module uses: cleanup attributes, allocation that aborts when memory is out,
 * and the clock units. Nothing here reads the host.
 */
#ifndef JT_CORE_UTIL_H
#define JT_CORE_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC UINT64_C(1000000000)

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _must_check_ __attribute__((warn_unused_result))

/* Allocate or abort: a crash is survivable by design (the guard reverts), a half-built state is
 * not. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) _printf_(1, 2);
char *xvasprintf(const char *fmt, va_list ap) _printf_(1, 0);

/* For _cleanup_() only. fd_closep leaves errno alone and ignores negative fds. */
void freep(void *pp);
void fd_closep(int *fd);

/* strcmp() in which runs of digits compare as numbers: "cpu:2" before "cpu:10". */
int natural_compare(const char *a, const char *b);

bool starts_with(const char *text, const char *prefix);

/* FNV-1a, 64 bits: to see whether a text is still the same one; not against those who want it to
 * collide. */
uint64_t text_hash(const char *text, size_t len);

/* True for the errnos that mean "this host does not have it": ENOENT ENODEV ENXIO ENOTDIR
 * EOPNOTSUPP. */
int errno_is_absent(int err);
/* True for EACCES and EPERM. err is positive. */
int errno_is_denied(int err);

#endif
