/*
 * Drives a fuzz target without a fuzzing engine: the files and folders named on the command line
 * and in tests/fuzz/corpus/TARGET (inputs that once broke it), then random inputs from a fixed
 * seed, so that every `make check` runs each parser on garbage. The real search is done by clang's
 * libFuzzer (configure --enable-fuzz).
 *
 * Random bytes alone rarely pass a parser's first test, so half of the inputs are put together from
 * fragments that the kernel's files are made of.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 4096u
#define RANDOM_RUNS 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t next_random(uint64_t *state)
{
	/* xorshift64*: the same numbers on every machine. */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static size_t fill_bytes(uint64_t *state, uint8_t *buf)
{
	size_t size = next_random(state) % 64;

	for (size_t i = 0; i < size; i++)
		buf[i] = (uint8_t)next_random(state);
	return size;
}

static size_t fill_fragments(uint64_t *state, uint8_t *buf)
{
	static const char *const fragments[] = {
		"0",
		"1",
		"7",
		"63",
		"4095",
		"8192",
		"18446744073709551615",
		"-1",
		"-",
		",",
		":",
		"/",
		" ",
		"\n",
		"\t",
		"=",
		"ff",
		"cpu",
		"intr",
		"0x",
		"00000000,00000001",
		"0-3,8",
		"0-31:2/4",
		"some",
		"avg10=0.00",
		"\x1b[2J",
		"\xc2\x9b",
		"\xe2\x80\xae",
		"(null)",
		"step ",
		"end ",
		"state trial\n",
		"\\x20",
		"kB",
		"cpu0 ",
	};
	size_t size = 0;

	for (size_t n = next_random(state) % 24; n > 0; n--) {
		const char *fragment =
			fragments[next_random(state) % (sizeof(fragments) / sizeof(fragments[0]))];
		size_t len = strlen(fragment);

		memcpy(buf + size, fragment, len);
		size += len;
	}
	return size;
}

static int run_file(const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	size_t size = fread(buf, 1, sizeof(buf), file);

	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput(buf, size);
	return 0;
}

static unsigned run_path(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	if (!dir)
		return run_file(path) == 0;
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		n += run_file(name) == 0;
	}
	(void)closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	uint64_t state = UINT64_C(88172645463325252);
	unsigned n_files = 0;
	const char *srcdir = getenv("JT_SRCDIR"), *name = strrchr(argv[0], '/');
	char corpus[4096];

	(void)snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
		       name ? name + 1 : argv[0]);
	n_files += run_path(corpus);
	for (int i = 1; i < argc; i++)
		n_files += run_path(argv[i]);
	for (unsigned i = 0; i < RANDOM_RUNS; i++) {
		/* A block of exactly the input's size, so that the sanitizer sees a read past it.
		 */
		uint8_t work[INPUT_MAX];
		size_t size = i % 2 ? fill_bytes(&state, work) : fill_fragments(&state, work);
		uint8_t *exact = malloc(size ? size : 1);

		if (!exact)
			abort();
		memcpy(exact, work, size);
		(void)LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%u files and %u random inputs: no crash\n", n_files, RANDOM_RUNS);
	return 0;
}
