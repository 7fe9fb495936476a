#include "core/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_BYTES ((size_t)64 * 1024)
#define ARENA_ALIGN 16u

struct chunk {
	struct chunk *next;
	size_t size, used; /* bytes of data[] */
	size_t pad;	   /* keeps data[] 16-byte aligned */
	char data[];
};

_Static_assert(sizeof(struct chunk) % ARENA_ALIGN == 0, "chunk data is aligned");

/* chunks before current are full, those after it are empty (left over from before a reset). */
struct arena {
	size_t chunk_bytes;
	struct chunk *first, *current;
};

static struct chunk *chunk_new(size_t bytes)
{
	if (bytes > SIZE_MAX - sizeof(struct chunk))
		abort();

	struct chunk *chunk = xcalloc(1, sizeof(*chunk) + bytes);
	chunk->size = bytes;
	return chunk;
}

struct arena *arena_new(size_t chunk_bytes)
{
	struct arena *arena = xcalloc(1, sizeof(*arena));

	arena->chunk_bytes = chunk_bytes ? chunk_bytes : ARENA_CHUNK_BYTES;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct chunk *chunk = arena->first, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(arena);
}

void arena_reset(struct arena *arena)
{
	for (struct chunk *chunk = arena->first; chunk; chunk = chunk->next) {
		/* Zeroed here, not in arena_alloc(): fresh chunks come zeroed from calloc. */
		memset(chunk->data, 0, chunk->used);
		chunk->used = 0;
	}
	arena->current = arena->first;
}

/* A chunk with room for bytes becomes the current one. */
static void arena_grow(struct arena *arena, size_t bytes)
{
	struct chunk **link = arena->current ? &arena->current->next : &arena->first;

	while (*link && (*link)->size < bytes)
		link = &(*link)->next;
	if (!*link)
		*link = chunk_new(bytes > arena->chunk_bytes ? bytes : arena->chunk_bytes);
	arena->current = *link;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	if (bytes > SIZE_MAX - ARENA_ALIGN)
		abort();
	bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

	struct chunk *chunk = arena->current;
	if (!chunk || chunk->size - chunk->used < bytes) {
		arena_grow(arena, bytes);
		chunk = arena->current;
	}

	void *p = chunk->data + chunk->used;
	chunk->used += bytes;
	return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(arena_alloc(arena, size), s, size);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	char small[256];
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int len = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	assert(len >= 0);

	char *s = arena_alloc(arena, (size_t)len + 1);
	if ((size_t)len < sizeof(small))
		memcpy(s, small, (size_t)len + 1);
	else
		(void)vsnprintf(s, (size_t)len + 1, fmt, again);
	va_end(again);
	return s;
}

size_t arena_used_bytes(const struct arena *arena)
{
	size_t used = 0;

	for (const struct chunk *chunk = arena->first; chunk; chunk = chunk->next)
		used += chunk->used;
	return used;
}
