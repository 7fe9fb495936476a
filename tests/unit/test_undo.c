#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/undo_internal.h"
#include "probes/probes.h"

static void append(struct plan *plan, const struct plan_step *step)
{
	assert_int_equal(plan_append(plan, step), 0);
}

static void fill(struct undo_header *header, struct plan *plan)
{
	memset(header, 0, sizeof(*header));
	header->id = 7;
	(void)snprintf(header->boot_id, sizeof(header->boot_id), "4c0f-11");
	header->who_pid = 1234;
	(void)snprintf(header->who_user, sizeof(header->who_user), "an admin\\\x1b");
	header->deadline_boottime_ns = 123456789;
	plan_init(plan);
	(void)snprintf(plan->title, sizeof(plan->title), "irq 41 -> cpu 0\n\\ \xc3\xa4");
	cpuset_add(&plan->affected, 0);
	cpuset_add(&plan->affected, 5);
	append(plan, &(struct plan_step){.class = &step_class_irq_affinity,
					 .object = "irq:41",
					 .identity = "PCI-MSIX/1/a b",
					 .old_value = "0-1",
					 .new_value = "0"});
	append(plan, &(struct plan_step){.class = &step_class_hugepages,
					 .object = "node:0/2048kB",
					 .identity = "",
					 .old_value = "0",
					 .new_value = "64"});
	append(plan, &(struct plan_step){.class = &step_class_hugepages,
					 .object = "node:0/2048kB",
					 .identity = "",
					 .old_value = "64",
					 .new_value = "32",
					 .is_later = true});
}

static void check_same(const struct undo_header *a, const struct plan *p,
		       const struct undo_header *b, const struct plan *q)
{
	assert_int_equal(a->id, b->id);
	assert_string_equal(a->boot_id, b->boot_id);
	assert_int_equal(a->who_pid, b->who_pid);
	assert_string_equal(a->who_user, b->who_user);
	assert_int_equal(a->deadline_boottime_ns, b->deadline_boottime_ns);
	assert_string_equal(p->title, q->title);
	assert_true(cpuset_equal(&p->affected, &q->affected));
	assert_int_equal(p->n_steps, q->n_steps);
	for (unsigned i = 0; i < p->n_steps; i++) {
		assert_ptr_equal(p->steps[i].class, q->steps[i].class);
		assert_string_equal(p->steps[i].object, q->steps[i].object);
		assert_string_equal(p->steps[i].identity, q->steps[i].identity);
		assert_string_equal(p->steps[i].old_value, q->steps[i].old_value);
		assert_string_equal(p->steps[i].new_value, q->steps[i].new_value);
		assert_int_equal(p->steps[i].is_later, q->steps[i].is_later);
	}
}

struct fixture {
	struct undo_header header, again;
	struct plan plan, read;
	char dir[64];
	int dirfd;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	fill(&f->header, &f->plan);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_undo.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->dirfd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"trial-7.undo", "kept-7.undo",   "old-7.undo",
					    "tmp-3.undo",   "trial-8.undo",  "trial-9.undo",
					    "kept-11.undo", "trial-x7.undo", "trial-07.undo"};
	struct fixture *f = *state;
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlinkat(f->dirfd, names[i], 0);
	plan_done(&f->plan);
	plan_done(&f->read);
	(void)close(f->dirfd);
	result = rmdir(f->dir);
	free(f);
	return result;
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *text = NULL;
	size_t len;

	assert_int_equal(undo_format(&f->header, &f->plan, &text, &len), 0);
	assert_int_equal(undo_parse(text, len, step_class_registry, &f->again, &f->read), 0);
	check_same(&f->header, &f->plan, &f->again, &f->read);
	/* Text without control characters: it may be shown. */
	for (size_t i = 0; i < len; i++)
		assert_true(text[i] == '\n' || (text[i] >= ' ' && text[i] < 0x7f));
}

/* Every single changed byte and every truncation is noticed. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *text = NULL;
	size_t len;

	assert_int_equal(undo_format(&f->header, &f->plan, &text, &len), 0);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 0x05;
		if (undo_parse(text, len, step_class_registry, &f->again, &f->read) != -EBADMSG)
			fail_msg("byte %zu may change", i);
		text[i] ^= 0x05;
		if (undo_parse(text, i, step_class_registry, &f->again, &f->read) != -EBADMSG)
			fail_msg("%zu bytes are enough", i);
	}
}

static uint32_t crc32_again(const char *text, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)text[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ UINT32_C(0xedb88320) : crc >> 1;
	}
	return ~crc;
}

/* A file with a good seal around a replaced part: forged, not damaged. */
static void check_forged(struct fixture *f, const char *from, const char *to, int wanted)
{
	_cleanup_(freep) char *text = NULL;
	char body[4096], seal[64];
	size_t len, body_len;
	unsigned n_steps;

	assert_int_equal(undo_format(&f->header, &f->plan, &text, &len), 0);
	assert_int_equal(undo_check_seal(text, len, &body_len, &n_steps), 0);
	text[body_len] = '\0';
	char *at = strstr(text, from);
	if (!at)
		fail_msg("no %s in the file", from);
	(void)snprintf(body, sizeof(body), "%.*s%s%s", (int)(at - text), text, to,
		       at + strlen(from));
	(void)snprintf(seal, sizeof(seal), "end %u %08x\n", n_steps,
		       crc32_again(body, strlen(body)));
	strcat(body, seal);
	int err = undo_parse(body, strlen(body), step_class_registry, &f->again, &f->read);
	if (err != wanted)
		fail_msg("'%s' for '%s': %d", to, from, err);
}

static void test_forged(void **state)
{
	struct fixture *f = *state;

	check_forged(f, "id 7", "id 8", 0); /* the seal is made rightly */
	check_forged(f, "irq_affinity", "shadow", -EBADMSG);
	check_forged(f, "irq:41", "../../etc/passwd", -EBADMSG);
	check_forged(f, "irq:41", "irq:41/../42", -EBADMSG);
	check_forged(f, "irq:41", "irq:041", -EBADMSG);
	check_forged(f, "node:0/2048kB", "node:0/../2048kB", -EBADMSG);
	check_forged(f, "old 0-1", "old 1-0", -EBADMSG);
	check_forged(f, "old 0-1", "old 0,1", -EBADMSG);
	check_forged(f, "new 64", "new -64", -EBADMSG);
	check_forged(f, "new 64", "new \\x00", -EBADMSG);
	check_forged(f, "state trial", "state other", -EBADMSG);
	check_forged(f, "who 1234", "who -1", -EBADMSG);
	check_forged(f, "who 1234", "who 99999999999", -EBADMSG);
	check_forged(f, "title ", "title\n", -EBADMSG);
	check_forged(f, "deadline 1", "deadline  1", -EBADMSG);
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	const struct step_class *const *classes = step_class_registry;
	struct undo_list list;
	uint64_t id;

	assert_int_equal(undo_next_id(f->dirfd, &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(undo_write(f->dirfd, &f->header, &f->plan), 0);
	assert_int_equal(undo_read(f->dirfd, 7, false, classes, &f->again, &f->read), 0);
	check_same(&f->header, &f->plan, &f->again, &f->read);
	assert_false(f->again.is_kept);
	assert_int_equal(undo_next_id(f->dirfd, &id), 0);
	assert_int_equal(id, 8);

	assert_int_equal(undo_keep(f->dirfd, 7), 0);
	assert_int_equal(undo_read(f->dirfd, 7, false, classes, &f->again, &f->read), -ENOENT);
	assert_int_equal(undo_read(f->dirfd, 7, true, classes, &f->again, &f->read), 0);
	assert_true(f->again.is_kept);
	assert_int_equal(undo_list(f->dirfd, &list), 0);
	assert_int_equal(list.n, 1);
	assert_true(list.entries[0].is_kept && !list.entries[0].is_damaged);
	undo_list_done(&list);

	assert_int_equal(undo_archive(f->dirfd, 7, true), 0);
	assert_int_equal(undo_list(f->dirfd, &list), 0);
	assert_int_equal(list.n, 0);
	undo_list_done(&list);
	assert_int_equal(undo_next_id(f->dirfd, &id), 0); /* an archived number is not used again */
	assert_int_equal(id, 8);
	assert_int_equal(undo_remove(f->dirfd, 7, true), -ENOENT);
}

static void put(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static void test_odd_files(void **state)
{
	struct fixture *f = *state;
	struct undo_list list;

	put(f->dirfd, "trial-9.undo", "jittertop-undo 1\nrubbish\n");
	put(f->dirfd, "trial-x7.undo", "");
	put(f->dirfd, "trial-07.undo", "");
	put(f->dirfd, "tmp-3.undo", "half");
	assert_int_equal(symlinkat("/etc/passwd", f->dirfd, "trial-8.undo"), 0);
	f->header.id = 11;
	f->header.is_kept = true;
	assert_int_equal(undo_write(f->dirfd, &f->header, &f->plan), 0);

	assert_int_equal(undo_list(f->dirfd, &list), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.entries[0].id, 8);
	assert_true(list.entries[0].is_damaged);
	assert_int_equal(list.entries[1].id, 9);
	assert_true(list.entries[1].is_damaged);
	assert_int_equal(list.entries[2].id, 11);
	assert_false(list.entries[2].is_damaged);
	undo_list_done(&list);
	assert_int_equal(undo_read(f->dirfd, 8, false, step_class_registry, &f->again, &f->read),
			 -EBADMSG);
	assert_int_equal(undo_read(f->dirfd, 9, false, step_class_registry, &f->again, &f->read),
			 -EBADMSG);

	assert_int_equal(undo_remove_temporaries(f->dirfd), 0);
	assert_int_equal(faccessat(f->dirfd, "tmp-3.undo", F_OK, 0), -1);
	assert_int_equal(faccessat(f->dirfd, "trial-9.undo", F_OK, 0), 0);
}

/* A renamed file does not pass for another transaction's. */
static void test_wrong_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(undo_write(f->dirfd, &f->header, &f->plan), 0);
	assert_int_equal(renameat(f->dirfd, "trial-7.undo", f->dirfd, "trial-8.undo"), 0);
	assert_int_equal(undo_read(f->dirfd, 8, false, step_class_registry, &f->again, &f->read),
			 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_odd_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_name, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
