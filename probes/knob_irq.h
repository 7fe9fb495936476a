/* Private to probes/: what knobs that move many interrupts share with the one that moves one. */
#ifndef JT_PROBES_KNOB_IRQ_H
#define JT_PROBES_KNOB_IRQ_H

#include <stdbool.h>

#include "core/step.h"

extern const struct step_class step_class_irq_affinity; /* "irq:N", a CPU list */
/* The same for one of many, whose refusal is no fault of the others (STEP_OPTIONAL). */
extern const struct step_class step_class_irq_move;

/* By the names of its actions: its driver asked for managed vectors (PCI_IRQ_AFFINITY), which the
 * kernel does not let anybody move. Only a write tells for sure, and a reader must not write. */
bool irq_is_probably_managed(const char *actions);

#endif
