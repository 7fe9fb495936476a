/*
 * An arena: many small allocations, one free. A snapshot lives in exactly one arena, so that taking
 * it and dropping it cost a handful of mallocs, whatever the machine's size.
 *
 * Calling sequence: arena_new(), arena_alloc()/arena_strdup()/arena_printf() any number of times,
 * arena_free() (or arena_reset() to use the same chunks again). Memory is zeroed and 16-byte
 * aligned. Out of memory aborts. Not thread-safe: one owner at a time.
 */
#ifndef JT_CORE_ARENA_H
#define JT_CORE_ARENA_H

#include "core/util.h"

struct arena;

struct arena *arena_new(size_t chunk_bytes); /* 0: a sensible default */
void arena_free(struct arena *arena);	     /* NULL is fine */
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t bytes);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t n);
char *arena_printf(struct arena *arena, const char *fmt, ...) _printf_(2, 3);
size_t arena_used_bytes(const struct arena *arena);

#endif
