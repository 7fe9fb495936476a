/*
 * The host that the crash driver looks at: a scratch tree with two values, or objects of the real
 * kernel that a scene file names.
 *
 * A scene file has one thing per line, its parts separated by tabs:
 *
 *   set    ASSIGNMENT        what the harness changes: KNOB@TARGET=VALUE
 *   value  PATH OLD NEW      first line of the file before and after; "-": it is not there.
 *                            PATH#WORD: the rest of the line that begins with WORD instead
 *   reset  COMMAND           brings the old values back; run only when something has changed
 *
 * There is one host, for the one driver: no handle. die() ends the driver, for what is wrong with
 * the test itself.
 */
#ifndef JT_TESTS_CRASH_CRASH_HOST_H
#define JT_TESTS_CRASH_CRASH_HOST_H

#include <stdbool.h>

#define CRASH_MAX_SETS 8

/* Under DIR/tree; the run directory is DIR/run. scene NULL: the scratch host. */
void crash_host_open(const char *dir, const char *scene);
const char *crash_host_tree(void); /* "live", or the scratch tree */
const char *crash_host_run_dir(void);
const char *const *crash_host_sets(void); /* NULL-terminated */
/* Old values, empty run directory. False: they could not be brought back. */
bool crash_host_reset(void);
bool crash_host_is_old(void);
bool crash_host_is_new(void);
/* Files of the run directory whose name begins with prefix. */
unsigned crash_host_count(const char *prefix);
/* True: path is that of a value. */
bool crash_host_has(const char *path);
/* Old, or kept whole, and no trial left over. */
bool crash_host_is_settled(void);
void crash_host_print(void); /* " a is old, b is ...; 0 trial, 0 kept" */
_Noreturn void die(const char *what);

#endif
