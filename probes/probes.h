/*
 * The registry of probes, knobs and step classes: what probes/probes.def lists. Only the
 * composition root (tui/main.c) and tests include this.
 */
#ifndef JT_PROBES_PROBES_H
#define JT_PROBES_PROBES_H

#include "core/knob.h"
#include "core/probe.h"
#include "core/step.h"

extern const struct probe *const probe_registry[];
extern const unsigned probe_registry_count;
extern const struct knob *const knob_registry[];	     /* NULL-terminated */
extern const struct step_class *const step_class_registry[]; /* NULL-terminated */

#define PROBE(symbol) extern const struct probe symbol;
#define KNOB(symbol) extern const struct knob symbol;
#define STEP_CLASS(symbol) extern const struct step_class symbol;
#include "probes/probes.def"
#undef PROBE
#undef KNOB
#undef STEP_CLASS

#endif
