#include <stdio.h>
#include <string.h>

#include "tui/widget.h"

int widget_field(const struct pane *pane, int x, int y, const char *label, enum role role,
		 const char *value)
{
	x = pane_text(pane, x, y, ROLE_LABEL, label);
	return pane_text(pane, x + (label[0] ? 1 : 0), y, role, value);
}

void flow_field(struct flow *flow, const char *label, enum role role, const char *fmt, ...)
{
	char value[512];
	int width, end;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	end = label[0] ? text_columns(label) + 1 : 0;
	width = end + text_columns(value);
	if (flow->x + width > flow->pane->width && flow->x > flow->indent) {
		flow->x = flow->indent;
		flow->y++;
	}
	if (flow->max_lines && flow->y - flow->first_y >= flow->max_lines)
		return;
	if (label[0])
		(void)pane_text(flow->pane, flow->x, flow->y, ROLE_LABEL, label);
	if (flow->x + width > flow->pane->width)
		pane_text_in(flow->pane, flow->x + end, flow->y, flow->pane->width - flow->x - end,
			     role, value);
	else
		(void)pane_text(flow->pane, flow->x + end, flow->y, role, value);
	flow->x += width + 2;
}

int flow_lines(const struct flow *flow)
{
	int n = flow->y - flow->first_y + 1;

	return flow->max_lines && n > flow->max_lines ? flow->max_lines : n;
}

/* Bytes of the first line of text of at most width columns; *ret_next: where the next one starts.
 */
static size_t line_break(const char *text, int width, const char **ret_next)
{
	const char *at = text, *blank = NULL;
	int used = 0;

	while (*at && *at != '\n' && used < width) {
		uint32_t c;

		if (*at == ' ')
			blank = at;
		at += utf8_decode(at, &c);
		used++;
	}
	if (*at && *at != '\n' && *at != ' ' && blank && blank > text)
		at = blank;
	*ret_next = at + (*at == ' ' || *at == '\n');
	return (size_t)(at - text);
}

int widget_paragraph(const struct pane *pane, int y, enum role role, const char *text, int width)
{
	int lines = 0;

	if (width < 1)
		return 0;
	while (*text) {
		const char *next;
		size_t n = line_break(text, width, &next);
		char line[1024];

		snprintf(line, sizeof(line), "%.*s", (int)(n < 1000 ? n : 1000), text);
		if (pane)
			(void)pane_text(pane, 0, y + lines, role, line);
		lines++;
		text = next;
	}
	return lines;
}
