/* Shares pieces of work among the threads of the OpenMP pool that torch has already started. */

#ifndef ALEXNET_SHARE_H
#define ALEXNET_SHARE_H

#include <stdint.h>

/* What symbols the library shows to others. */
#define PUBLIC __attribute__((visibility("default")))

/* Does piece number `piece`; `worker` counts from 0 and is no two running threads' at once. */
typedef void (*Work)(void *job, int worker, int64_t piece);

/* Calls `work` once for every piece, on at most `threads` threads, the caller's among them. Each
 * takes the next piece when it is ready, so that a thread that others hold up does less. Returns
 * when all are done. */
void share_out(Work work, void *job, int64_t pieces, int threads);

#endif
