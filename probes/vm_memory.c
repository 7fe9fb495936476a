/*
 * Where a machine's memory lies: numa_maps and smaps. The kernel walks the page tables for
 * both and holds the process's memory map meanwhile, so they are read rarely.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/vm_internal.h"

struct mapping {
	uint64_t start;
	const char *file;
	size_t file_len;
	bool is_other; /* heap, stack */
	char policy[32];
	uint64_t page_kb, pages[VM_NODES_MAX], bytes;
};

static bool read_number(const char *text, size_t len, uint64_t *ret)
{
	char number[24];

	if (!len || len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_u64(number, ret) == 0;
}

static bool read_hex(const char *text, size_t len, uint64_t *ret)
{
	char number[24];

	if (!len || len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_hex_u64(number, ret) == 0;
}

/* "N0=12" (pages on node 0), "file=/path", "kernelpagesize_kB=2048", "heap". */
static void read_word(struct mapping *mapping, const char *word, size_t len)
{
	static const char page_size[] = "kernelpagesize_kB=";
	const char *equals = memchr(word, '=', len);
	uint64_t node, pages;

	if (!equals) {
		mapping->is_other |= (len == 4 && !memcmp(word, "heap", 4)) ||
				     (len == 5 && !memcmp(word, "stack", 5));
		return;
	}

	size_t before = (size_t)(equals - word), after = len - before - 1;

	if (before == 4 && !memcmp(word, "file", 4)) {
		mapping->file = equals + 1;
		mapping->file_len = after;
	} else if (*word == 'N' && read_number(word + 1, before - 1, &node) &&
		   node < VM_NODES_MAX && read_number(equals + 1, after, &pages)) {
		mapping->pages[node] = pages;
	} else if (before + 1 == sizeof(page_size) - 1 && !memcmp(word, page_size, before)) {
		(void)!read_number(equals + 1, after, &mapping->page_kb);
	}
}

/* "7f.. bind:0 file=... huge dirty=2 N0=1 N1=1 kernelpagesize_kB=2048" */
static void read_line(const char *line, struct mapping *ret)
{
	struct scan scan = {line};
	const char *word;
	size_t len;

	*ret = (struct mapping){0};
	for (unsigned column = 0; scan_word(&scan, &word, &len) == 0; column++) {
		if (column == 0)
			(void)!read_hex(word, len, &ret->start);
		else if (column == 1)
			(void)snprintf(ret->policy, sizeof(ret->policy), "%.*s", (int)len, word);
		else if (column > 1)
			read_word(ret, word, len);
	}
	if (ret->page_kb > 16 * 1024 * 1024)
		ret->page_kb = 0;
	for (unsigned i = 0; i < VM_NODES_MAX; i++) {
		if (ret->pages[i] > UINT64_C(1) << 32)
			ret->pages[i] = 0;
		ret->bytes += ret->pages[i] * ret->page_kb * 1024;
	}
}

static bool has_prefix(const struct mapping *mapping, const char *prefix)
{
	size_t len = strlen(prefix);

	return len && mapping->file_len >= len && !memcmp(mapping->file, prefix, len);
}

/* By its file: the backend's path, or one of QEMU's own making. */
static bool is_guest_memory(const struct mapping *mapping, const char *path)
{
	return mapping->file &&
	       (has_prefix(mapping, path) || has_prefix(mapping, "/memfd:memory-backend") ||
		has_prefix(mapping, "/anon_hugepage"));
}

static void add_mapping(struct vm_memory *memory, const struct mapping *mapping)
{
	if (mapping->bytes >= memory->bytes || !memory->page_bytes) {
		memory->page_bytes = mapping->page_kb * 1024;
		memcpy(memory->policy, mapping->policy, sizeof(memory->policy));
	}
	if (memory->n_starts < VM_MAPPINGS_MAX)
		memory->starts[memory->n_starts++] = mapping->start;
	memory->bytes += mapping->bytes;
	for (unsigned i = 0; i < VM_NODES_MAX; i++)
		memory->by_node[i] += mapping->pages[i] * mapping->page_kb * 1024;
}

void vm_parse_numa_maps(const char *text, const char *path, struct vm_memory *ret)
{
	struct mapping largest = {0}, mapping;
	struct scan scan = {text};
	bool is_found = false;

	*ret = (struct vm_memory){0};
	do {
		read_line(scan.at, &mapping);
		if (is_guest_memory(&mapping, path)) {
			add_mapping(ret, &mapping);
			is_found = true;
		} else if (!mapping.file && !mapping.is_other && mapping.bytes > largest.bytes) {
			largest = mapping;
		}
	} while (scan_next_line(&scan));
	if (!is_found && largest.bytes)
		add_mapping(ret, &largest);
	ret->is_known = ret->page_bytes != 0;
	for (unsigned i = 0; i < VM_NODES_MAX; i++) {
		if (ret->by_node[i] && ret->by_node[i] >= ret->bytes / 100)
			cpuset_add(&ret->nodes, i);
	}
}

static bool is_one_of_its(const struct vm_memory *memory, uint64_t start)
{
	for (unsigned i = 0; i < memory->n_starts; i++) {
		if (memory->starts[i] == start)
			return true;
	}
	return false;
}

/* "AnonHugePages:      2048 kB", of a mapping that is the guest's memory. */
static void add_huge(struct vm_memory *memory, const char *line, size_t len)
{
	static const struct {
		const char *key;
		bool is_hugetlb;
	} keys[] = {
		{"AnonHugePages", false}, {"ShmemPmdMapped", false}, {"FilePmdMapped", false},
		{"Shared_Hugetlb", true}, {"Private_Hugetlb", true},
	};
	struct key_value pair;
	uint64_t bytes;

	if (parse_key_value(line, len, ':', &pair) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (pair.key_len != strlen(keys[i].key) ||
		    memcmp(pair.key, keys[i].key, pair.key_len) != 0 ||
		    parse_kb(pair.value, pair.value_len, &bytes) < 0)
			continue;
		*(keys[i].is_hugetlb ? &memory->hugetlb_bytes : &memory->thp_bytes) += bytes;
	}
}

/* "7f00-7f40 rw-p ...", then lines with a colon. Not smaps_rollup: QEMU's own heap lies in
 * transparent huge pages easily, and would pass for a small guest's memory. */
void vm_parse_smaps(const char *text, struct vm_memory *memory)
{
	struct scan scan = {text};
	bool is_its = false;

	do {
		const char *line = scan.at;
		size_t len = strcspn(line, "\n"), hex = strspn(line, "0123456789abcdef");
		uint64_t start;

		if (hex && line[hex] == '-')
			is_its = read_hex(line, hex, &start) && is_one_of_its(memory, start);
		else if (is_its)
			add_huge(memory, line, len);
	} while (scan_next_line(&scan));
}

void vm_read_memory(struct host *host, pid_t pid, const struct vm_config *config,
		    struct vm_memory *ret)
{
	struct host_file *file = NULL;
	const char *text;
	ssize_t n = host_file_readf(host, &file, &text, "proc/%d/numa_maps", (int)pid);

	if (n < 0)
		*ret = (struct vm_memory){.error = (int)n};
	else
		vm_parse_numa_maps(text, config->backend_path, ret);
	host_file_close(file);
	file = NULL;
	if (n >= 0 && host_file_readf(host, &file, &text, "proc/%d/smaps", (int)pid) >= 0)
		vm_parse_smaps(text, ret);
	host_file_close(file);
}
