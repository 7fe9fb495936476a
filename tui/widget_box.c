#include "tui/widget.h"

struct pane widget_box(const struct pane *pane, int width, int height, const char *title)
{
	struct pane box;
	int right, bottom;

	width = width > pane->width ? pane->width : width;
	height = height > pane->height ? pane->height : height;
	box = pane_sub(pane, (pane->width - width) / 2, (pane->height - height) / 2, width, height);
	right = box.width - 1;
	bottom = box.height - 1;
	pane_fill(&box, ROLE_DIALOG);
	for (int x = 1; x < right; x++) {
		pane_put(&box, x, 0, 0x2500, ROLE_DIALOG);
		pane_put(&box, x, bottom, 0x2500, ROLE_DIALOG);
	}
	for (int y = 1; y < bottom; y++) {
		pane_put(&box, 0, y, 0x2502, ROLE_DIALOG);
		pane_put(&box, right, y, 0x2502, ROLE_DIALOG);
	}
	pane_put(&box, 0, 0, 0x250c, ROLE_DIALOG);
	pane_put(&box, right, 0, 0x2510, ROLE_DIALOG);
	pane_put(&box, 0, bottom, 0x2514, ROLE_DIALOG);
	pane_put(&box, right, bottom, 0x2518, ROLE_DIALOG);
	if (box.width > 8) {
		int n = text_columns(title), room = box.width - 6;

		pane_put(&box, 2, 0, ' ', ROLE_DIALOG_TITLE);
		pane_text_in(&box, 3, 0, n < room ? n : room, ROLE_DIALOG_TITLE, title);
		pane_put(&box, 3 + (n < room ? n : room), 0, ' ', ROLE_DIALOG_TITLE);
	}
	return pane_sub(&box, 2, 1, box.width - 4, box.height - 2);
}

void widget_rule(const struct pane *pane, int y, const char *label)
{
	for (int x = 0; x < pane->width; x++)
		pane_put(pane, x, y, 0x2500, ROLE_RULE);
	if (label && label[0])
		(void)pane_printf(pane, 2, y, ROLE_RULE, " %s ", label);
}
