/*
 * Parts of the undo files that only core/undo*.c and the guard need.
 */
#ifndef JT_CORE_UNDO_INTERNAL_H
#define JT_CORE_UNDO_INTERNAL_H

#include "core/undo.h"

/* First line, last line's form and CRC, without knowing any class. -EBADMSG. *ret_body_len: bytes
 * before the last line; *ret_n_steps: the count it names. Both may be NULL. */
int undo_check_seal(const char *text, size_t len, size_t *ret_body_len, unsigned *ret_n_steps);
/* Half-written files of an instance that died before its rename: nothing was changed for them. */
int undo_remove_temporaries(int dirfd);

#endif
