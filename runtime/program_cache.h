/* Compiled programs on disk: $NNC_CACHE_DIR, else $XDG_CACHE_HOME/nnc, else ~/.cache/nnc; none
 * where NNC_CACHE_DIR is set and empty.
 *
 * The cache only ever saves time. Nothing in it is trusted: a folder that others may write to is
 * not used, and an entry that is not exactly what was stored under its key counts as missing. No
 * failure is an error. */
#ifndef NN_PROGRAM_CACHE_H
#define NN_PROGRAM_CACHE_H

#include <stddef.h>
#include <stdint.h>

typedef struct nn_cache_key {
    const char *text; /* all that the program depends on but its source: device, driver, options */
    uint64_t source[2];
} nn_cache_key;

/* Whether there is a place for it at all. */
int nn_cache_is_on(void);

/* The stored bytes, to be freed by the caller, or null. */
void *nn_cache_read(const nn_cache_key *key, size_t *bytes);

/* Stores an entry as a whole or not at all. */
void nn_cache_write(const nn_cache_key *key, const void *data, size_t bytes);

#endif
