/* Messages of guard and program: nothing may be read past the end, and what is taken can be sent
 * on.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/guard_wire.h"
#include "probes/probes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_event(const struct guard_event *event)
{
	assert(event->type <= GUARD_EVENT_TRANSACTION);
	assert(event->state <= GUARD_LOST);
	assert(event->transaction <= TRANSACTION_RESIDUE);
	assert(event->plan.n_steps <= PLAN_MAX_STEPS);
	assert(event->report.n_steps <= PLAN_MAX_STEPS);
	assert(memchr(event->text, '\0', sizeof(event->text)));
	for (unsigned i = 0; i < event->report.n_steps; i++) {
		const struct change_step_report *step = &event->report.steps[i];

		assert(step->result <= CHANGE_NOT_RUN);
		assert(strlen(step->kept_value) < PLAN_VALUE_MAX);
		assert(memchr(step->why, '\0', sizeof(step->why)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* In a block of its own size, so that the sanitizer sees every byte too many. */
	_cleanup_(freep) char *bytes = xcalloc(1, size);
	_cleanup_(guard_event_freep) struct guard_event *event = guard_event_new();
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	struct wire_request request;
	struct wire_done done;

	if (size > 0)
		memcpy(bytes, data, size);
	int err = wire_parse_request(bytes, size, step_class_registry, &request, plan);
	assert(err == 0 || err == -EBADMSG);
	if (!err)
		assert(request.type >= WIRE_APPLY && request.type <= WIRE_LIST);
	int kind = wire_parse_reply(bytes, size, step_class_registry, event, &done);
	assert(kind == 1 || kind == 2 || kind == -EBADMSG);
	if (kind == 1)
		check_event(event);
	if (kind == 2)
		assert(memchr(done.text, '\0', sizeof(done.text)));
	return 0;
}
