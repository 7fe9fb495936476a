#include "core/guard_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEND_ATTEMPTS 4
#define WIRE_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define WIRE_MAGIC UINT32_C(0x6a740001)

enum { WIRE_EVENT = 32, WIRE_DONE = 33 };

/* No padding: every field is at its natural place. */
struct wire_head {
	uint32_t magic, type;
	uint64_t request, id, value;
	uint64_t deadline_ns, start_ns, end_ns;
	int32_t result;
	uint32_t event, state, transaction;
	uint32_t n_steps;
	uint32_t text_len, plan_len, report_len;
};

struct wire_step {
	uint32_t result;
	int32_t error;
	uint32_t kept_len, why_len;
};

static int write_whole(int fd, const struct iovec *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = parts[i].iov_base;
		size_t left = parts[i].iov_len;

		while (left > 0) {
			ssize_t done = write(fd, at, left);

			if (done < 0 && errno == EINTR)
				continue;
			if (done <= 0)
				return done < 0 ? -errno : -EIO;
			at += done;
			left -= (size_t)done;
		}
	}
	return 0;
}

/* A file that holds parts and that nobody can change any more. */
static int seal_parts(const struct iovec *parts, size_t n)
{
	_cleanup_(fd_closep) int fd = memfd_create("jittertop", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	int err = write_whole(fd, parts, n);
	if (err)
		return err;
	if (fcntl(fd, F_ADD_SEALS, WIRE_SEALS) < 0)
		return -errno;
	int taken = fd;
	fd = -1;
	return taken;
}

/* A lost answer leaves the other end waiting: only its death or its full queue is taken for an end.
 */
static int send_parts(int fd, const struct msghdr *message)
{
	for (unsigned attempt = 0;; attempt++) {
		if (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (attempt == SEND_ATTEMPTS || errno == EAGAIN || errno == EPIPE ||
		    errno == ECONNRESET)
			return -errno;
	}
}

/* The first part, with the others in a memfd. */
static int send_sealed(int fd, struct iovec *parts, size_t n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	_cleanup_(fd_closep) int body = seal_parts(parts + 1, n - 1);

	if (body < 0)
		return body;
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &body, sizeof(body));
	return send_parts(fd, &message);
}

static int send_message(int fd, struct wire_head *head, const char *text, const struct plan *plan,
			const char *report)
{
	static const struct undo_header nobody = {.boot_id = "-", .who_user = "-"};
	_cleanup_(freep) char *plan_text = NULL;
	size_t plan_len = 0;

	if (plan) {
		int err = undo_format(&nobody, plan, &plan_text, &plan_len);

		if (err)
			return err;
	}
	head->magic = WIRE_MAGIC;
	head->text_len = (uint32_t)strlen(text);
	head->plan_len = (uint32_t)plan_len;

	struct iovec parts[] = {
		{.iov_base = head, .iov_len = sizeof(*head)},
		{.iov_base = (void *)(uintptr_t)text, .iov_len = head->text_len},
		{.iov_base = plan_text, .iov_len = plan_len},
		{.iov_base = (void *)(uintptr_t)report, .iov_len = head->report_len},
	};
	size_t len = sizeof(*head) + head->text_len + plan_len + head->report_len;

	if (len > WIRE_MAX)
		return -EFBIG;
	if (len > WIRE_DIRECT_MAX)
		return send_sealed(fd, parts, ARRAY_SIZE(parts));
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};
	return send_parts(fd, &message);
}

/* --- receiving --- */

/* The fd that came along, and no other; -1: none. */
static int take_fd(struct msghdr *message)
{
	int taken = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
			fd_closep(&taken);
			memcpy(&taken, CMSG_DATA(c) + at, sizeof(taken));
		}
	}
	return taken;
}

/* What the sealed file holds, behind the head. */
static ssize_t read_sealed(int fd, const char *head, char **ret_bytes)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & WIRE_SEALS) != WIRE_SEALS || fstat(fd, &st) < 0 ||
	    st.st_size <= 0 || (uint64_t)st.st_size > WIRE_MAX - sizeof(struct wire_head))
		return -EBADMSG;

	size_t body = (size_t)st.st_size, got = 0;
	_cleanup_(freep) char *bytes = xcalloc(1, sizeof(struct wire_head) + body);
	memcpy(bytes, head, sizeof(struct wire_head));
	while (got < body) {
		ssize_t n =
			pread(fd, bytes + sizeof(struct wire_head) + got, body - got, (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		got += (size_t)n;
	}
	*ret_bytes = bytes;
	bytes = NULL;
	return (ssize_t)(sizeof(struct wire_head) + body);
}

ssize_t wire_receive(int fd, int flags, char **ret_bytes)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	_cleanup_(freep) char *bytes = xcalloc(1, WIRE_DIRECT_MAX + 1);
	struct iovec part = {.iov_base = bytes, .iov_len = WIRE_DIRECT_MAX + 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	*ret_bytes = NULL;
	ssize_t len = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
	if (len < 0)
		return -errno;
	_cleanup_(fd_closep) int body = take_fd(&message);
	if (body >= 0)
		return len == (ssize_t)sizeof(struct wire_head)
			       ? read_sealed(body, bytes, ret_bytes)
			       : -EBADMSG;
	if ((size_t)len > WIRE_DIRECT_MAX || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return -EBADMSG;
	*ret_bytes = bytes;
	bytes = NULL;
	return len;
}

/* --- requests --- */

int wire_send_request(int fd, const struct wire_request *request, const struct plan *plan)
{
	struct wire_head head = {
		.type = request->type,
		.request = request->request,
		.id = request->id,
		.value = request->type == WIRE_UNDO_ALL ? request->with_kept
							: request->revert_after_ns,
	};

	return send_message(fd, &head, "", plan, NULL);
}

/* The report as bytes; NULL with *ret_len 0 when it has no steps. */
static char *format_report(const struct change_report *report, size_t *ret_len)
{
	size_t len = 0;
	char *bytes = NULL;
	FILE *file = open_memstream(&bytes, &len);

	if (!file)
		abort();
	for (unsigned i = 0; i < report->n_steps; i++) {
		const struct change_step_report *step = &report->steps[i];
		const struct wire_step head = {
			.result = step->result,
			.error = step->error,
			.kept_len = (uint32_t)strlen(step->kept_value),
			.why_len = (uint32_t)strlen(step->why),
		};

		(void)fwrite(&head, sizeof(head), 1, file);
		(void)fwrite(step->kept_value, 1, head.kept_len, file);
		(void)fwrite(step->why, 1, head.why_len, file);
	}
	if (fclose(file))
		abort();
	*ret_len = len;
	return bytes;
}

int wire_send_event(int fd, const struct guard_event *event)
{
	size_t report_len;
	_cleanup_(freep) char *report = format_report(&event->report, &report_len);
	struct wire_head head = {
		.type = WIRE_EVENT,
		.request = event->request,
		.id = event->id,
		.deadline_ns = event->deadline_boottime_ns,
		.start_ns = event->start_ns,
		.end_ns = event->end_ns,
		.event = event->type,
		.state = event->state,
		.transaction = event->transaction,
		.n_steps = event->report.n_steps,
		.report_len = (uint32_t)report_len,
	};

	return send_message(fd, &head, event->text, event->plan.n_steps ? &event->plan : NULL,
			    report);
}

int wire_send_done(int fd, const struct wire_done *done)
{
	struct wire_head head = {
		.type = WIRE_DONE, .request = done->request, .result = done->result};

	return send_message(fd, &head, done->text, NULL, NULL);
}

/* The head, checked against the message's length. */
static int parse_head(const char *bytes, size_t len, struct wire_head *ret)
{
	if (len < sizeof(*ret) || len > WIRE_MAX)
		return -EBADMSG;
	memcpy(ret, bytes, sizeof(*ret));
	if (ret->magic != WIRE_MAGIC || ret->text_len > len || ret->plan_len > len ||
	    ret->report_len > len ||
	    sizeof(*ret) + ret->text_len + (size_t)ret->plan_len + ret->report_len != len)
		return -EBADMSG;
	return 0;
}

/* Bytes without NUL into buf as a string. */
static int parse_text(const char *bytes, size_t len, char *buf, size_t size)
{
	if (len >= size || (len > 0 && memchr(bytes, '\0', len)))
		return -EBADMSG;
	if (len > 0)
		memcpy(buf, bytes, len);
	buf[len] = '\0';
	return 0;
}

int wire_parse_request(const char *bytes, size_t len, const struct step_class *const *classes,
		       struct wire_request *ret, struct plan *ret_plan)
{
	struct undo_header ignored;
	struct wire_head head;

	if (parse_head(bytes, len, &head) || head.type < WIRE_APPLY || head.type > WIRE_LIST ||
	    head.text_len || head.report_len || (head.plan_len > 0) != (head.type == WIRE_APPLY))
		return -EBADMSG;
	if (head.plan_len &&
	    undo_parse(bytes + sizeof(head), head.plan_len, classes, &ignored, ret_plan))
		return -EBADMSG;
	*ret = (struct wire_request){
		.type = (enum wire_type)head.type,
		.request = head.request,
		.id = head.id,
		.revert_after_ns = head.type == WIRE_APPLY ? head.value : 0,
		.with_kept = head.type == WIRE_UNDO_ALL && head.value,
	};
	return 0;
}

static int parse_report(const char *bytes, size_t len, uint32_t n_steps,
			struct change_report *report)
{
	char kept[PLAN_VALUE_MAX];

	if (n_steps > PLAN_MAX_STEPS || n_steps > len / sizeof(struct wire_step))
		return -EBADMSG;
	change_report_begin(report, n_steps);
	for (uint32_t i = 0; i < n_steps; i++) {
		struct change_step_report *step = &report->steps[i];
		struct wire_step head;

		if (len < sizeof(head))
			return -EBADMSG;
		memcpy(&head, bytes, sizeof(head));
		bytes += sizeof(head);
		len -= sizeof(head);
		if (head.result > CHANGE_NOT_RUN || head.kept_len > len ||
		    head.why_len > len - head.kept_len ||
		    parse_text(bytes, head.kept_len, kept, sizeof(kept)) ||
		    parse_text(bytes + head.kept_len, head.why_len, step->why, sizeof(step->why)))
			return -EBADMSG;
		step->result = (enum change_result)head.result;
		step->error = head.error;
		change_step_report_keep(step, kept);
		bytes += head.kept_len + head.why_len;
		len -= head.kept_len + head.why_len;
	}
	return len ? -EBADMSG : 0;
}

static int parse_event(const char *body, const struct wire_head *head,
		       const struct step_class *const *classes, struct guard_event *event)
{
	struct undo_header ignored;

	if (head->event > GUARD_EVENT_TRANSACTION || head->state > GUARD_LOST ||
	    head->transaction > TRANSACTION_RESIDUE)
		return -EBADMSG;
	guard_event_done(event);
	event->type = (enum guard_event_type)head->event;
	event->state = (enum guard_state)head->state;
	event->request = head->request;
	event->id = head->id;
	event->transaction = (enum transaction_state)head->transaction;
	event->deadline_boottime_ns = head->deadline_ns;
	event->start_ns = head->start_ns;
	event->end_ns = head->end_ns;
	if (parse_text(body, head->text_len, event->text, sizeof(event->text)))
		return -EBADMSG;
	body += head->text_len;
	if (head->plan_len && undo_parse(body, head->plan_len, classes, &ignored, &event->plan))
		return -EBADMSG;
	return parse_report(body + head->plan_len, head->report_len, head->n_steps, &event->report);
}

int wire_parse_reply(const char *bytes, size_t len, const struct step_class *const *classes,
		     struct guard_event *ret_event, struct wire_done *ret_done)
{
	struct wire_head head;

	if (parse_head(bytes, len, &head))
		return -EBADMSG;
	if (head.type == WIRE_EVENT)
		return parse_event(bytes + sizeof(head), &head, classes, ret_event) ? -EBADMSG : 1;
	if (head.type != WIRE_DONE || head.plan_len || head.report_len || head.n_steps)
		return -EBADMSG;
	ret_done->request = head.request;
	ret_done->result = head.result;
	return parse_text(bytes + sizeof(head), head.text_len, ret_done->text,
			  sizeof(ret_done->text))
		       ? -EBADMSG
		       : 2;
}

void wire_grow_buffers(int fd)
{
	const int bytes = 1024 * 1024;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}
