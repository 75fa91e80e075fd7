/* What a contraction is, in one line of text: the key of tuning files.
 *
 *   dot f32 n=1 oc=64 oh=56 ow=56 over ic=64 kh=3 kw=3 : f32[1, 64, 58, 58]{...}[n, ic, oh+kh, ow+kw]
 *   * f32[64, 64, 3, 3]{...}[oc, ic, kh, kw] : relu(add(@, f32[64])) f32[1, 64, 56, 56]{...}
 *
 * Axes with their extents, operands with what is computed on the way from memory and the indices
 * (? behind one that may lie outside), and what becomes of a result (@) with the type it is stored
 * in. No names of a network are in it, so that equal layers of different networks have one text. */
#ifndef NNC_CODEGEN_LOWER_PLAN_KEY_H
#define NNC_CODEGEN_LOWER_PLAN_KEY_H

#include "codegen/lower/kernel.h"
#include "codegen/schedule/contraction.h"

const char *plan_key(const Job *job, const Contraction *c);

#endif
