/* Sleeping until a word changes. */
#ifndef NNRT_FUTEX_H
#define NNRT_FUTEX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Sleeps if the word has that value. May return at any time: look again. */
void futex_wait(_Atomic uint32_t *word, uint32_t value);
void futex_wake(_Atomic uint32_t *word, size_t sleepers);

#endif
