/* The help screen, made from keys.def and the views. */
#include <stdio.h>
#include <string.h>

#include "tui/ui_internal.h"

void help_key(struct ui *ui, const struct key *key)
{
	enum command command = command_of_key(key->code);

	if (command == COMMAND_DOWN || key->code == KEYCODE_WHEEL_DOWN)
		ui->help_top++;
	else if (command == COMMAND_UP || key->code == KEYCODE_WHEEL_UP)
		ui->help_top--;
	else if (command == COMMAND_PAGE_DOWN)
		ui->help_top += 10;
	else if (command == COMMAND_PAGE_UP)
		ui->help_top -= 10;
	else
		ui->mode = MODE_NORMAL;
	if (ui->help_top < 0)
		ui->help_top = 0;
}

static int draw_bindings(const struct pane *pane, int y)
{
	const char *group = "";

	for (unsigned i = 1; i < COMMAND_COUNT; i++) {
		const struct binding *b = binding_of((enum command)i);
		char keys[64];

		if (strcmp(b->group, group) != 0) {
			group = b->group;
			(void)pane_text(pane, 0, ++y, ROLE_DIALOG_TITLE, group);
			y++;
		}
		pane_text_in(pane, 1, y, 16, ROLE_NEW, binding_keys(b, keys, sizeof(keys)));
		(void)pane_text(pane, 18, y++, ROLE_DIALOG, b->help);
	}
	return y;
}

static int draw_all(const struct pane *pane, int y)
{
	(void)pane_text(pane, 0, y++, ROLE_DIALOG_TITLE, "views");
	for (unsigned i = 0; i < view_count; i++, y++) {
		(void)pane_printf(pane, 1, y, ROLE_NEW, "%c  %s", view_registry[i]->key,
				  view_registry[i]->name);
		(void)pane_text(pane, 18, y, ROLE_DIALOG, view_registry[i]->summary);
	}
	y = draw_bindings(pane, y);
	y++;
	(void)pane_text(pane, 0, y++, ROLE_DIALOG_TITLE, "values");
	(void)pane_text(pane, 1, y++, ROLE_DIALOG,
			"-        this host does not have it, or too few samples yet (?)");
	(void)pane_text(pane, 1, y++, ROLE_DIALOG, "denied   it exists, we may not read it");
	(void)pane_text(pane, 1, y++, ROLE_DIALOG,
			"error    could not be read or understood: see snapshot --json");
	(void)pane_text(pane, 1, y++, ROLE_DIALOG, "~12      stale: the last good value");
	return y;
}

void help_draw(struct ui *ui, const struct pane *pane)
{
	struct pane in = widget_box(pane, 78, pane->height, "help");
	struct pane body = pane_sub(&in, 0, 0, in.width, in.height - 1);
	struct pane nowhere = pane_sub(&in, 0, 0, 0, 0);
	int lines = draw_all(&nowhere, 0);

	if (ui->help_top > lines - body.height)
		ui->help_top = lines > body.height ? lines - body.height : 0;
	(void)draw_all(&body, -ui->help_top);
	pane_text_in(&in, 0, in.height - 1, in.width, ROLE_DIALOG_TITLE,
		     lines > body.height ? "Up Down PgUp PgDn scroll   any other key closes"
					 : "any key closes");
}
