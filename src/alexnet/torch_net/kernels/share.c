/* One parallel region per call, its pieces taken from a counter; no pool of threads of our own.
 *
 * The library is not linked against an OpenMP runtime. It calls GOMP_parallel, which GNU's, LLVM's
 * and Intel's runtimes all have, of the one that torch has loaded into the process: a second pool
 * would fight with the first for the cores. Where there is none, threads are started for the call.
 */

#include "share.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_STARTED = 64 };

extern void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned) __attribute__((weak));

typedef struct {
    Work work;
    void *job;
    int64_t pieces;
    atomic_llong next;
    atomic_int workers;
} Share;

static void take_pieces(void *argument) {
    Share *share = argument;
    int worker = atomic_fetch_add(&share->workers, 1);
    int64_t piece;
    while ((piece = atomic_fetch_add(&share->next, 1)) < share->pieces) {
        share->work(share->job, worker, piece);
    }
}

static void *run_thread(void *argument) {
    take_pieces(argument);
    return NULL;
}

static void on_started_threads(Share *share, int threads) {
    pthread_t started[MOST_STARTED];
    int count = 0;
    while (count < threads - 1 && count < MOST_STARTED) {
        if (pthread_create(&started[count], NULL, run_thread, share) != 0) {
            break;  /* fewer threads take more pieces each */
        }
        count++;
    }
    take_pieces(share);
    while (count > 0) {
        pthread_join(started[--count], NULL);
    }
}

void share_out(Work work, void *job, int64_t pieces, int threads) {
    Share share = {.work = work, .job = job, .pieces = pieces};
    atomic_init(&share.next, 0);
    atomic_init(&share.workers, 0);
    if (threads > pieces) {
        threads = (int)pieces;
    }
    if (threads <= 1) {
        take_pieces(&share);
    } else if (GOMP_parallel) {
        GOMP_parallel(take_pieces, &share, (unsigned)threads, 0);
    } else {
        on_started_threads(&share, threads);
    }
}

/* Whether an OpenMP runtime was found in the process. */
PUBLIC int alexnet_has_openmp(void) {
    return GOMP_parallel != 0;
}
