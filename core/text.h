/*
 * The one ingress sanitiser for text that a guest, a container, a device or a process chose (comm,
 * interface, action and PCI names): what comes out may be sent to a terminal, a log or JSON.
 * Control characters (C0, C1, DEL), invalid UTF-8, bidi controls, zero-width and combining
 * characters become visible escapes: \e, \n, \t, \xNN, \uNNNN, \UNNNNNNNN. Never truncates inside a
 * character or an escape.
 *
 * A backslash in the text stays as it is: a name may therefore look like an escape, which harms
 * nobody who only shows it, and clean text always comes out byte for byte. What must be reversible
 * (undo files) has its own escaping.
 */
#ifndef JT_CORE_TEXT_H
#define JT_CORE_TEXT_H

#include "core/util.h"

/* Writes at most size bytes with the NUL. Returns the length written. */
size_t text_sanitise(const char *text, size_t len, char *buf, size_t size);
/* True when text would come out unchanged. */
int text_is_clean(const char *text, size_t len);

#endif
