/*
 * For the tests on captures: archives of ../shared/captures (JT_CAPTURES names another place) are
 * unpacked with tar into a temporary folder and removed again.
 */
#ifndef JT_TESTS_CAPTURES_UNPACK_H
#define JT_TESTS_CAPTURES_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

/* The folder, or NULL with the reason on stdout: then every test is a skip. */
const char *captures_folder(char *buf, size_t size);
/* Unpacks an archive, given below the folder, into a new temporary folder. */
bool captures_unpack(const char *archive, char *ret_dir, size_t size);
void captures_remove(const char *dir);
/* A file of the folder, whole; the caller frees it. NULL: cannot be read. */
char *captures_read(const char *path);

#endif
