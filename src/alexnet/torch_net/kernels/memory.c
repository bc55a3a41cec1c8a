/* Large pages for large results. */

#include "memory.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

enum { LARGE_PAGE = 2 * 1024 * 1024 };

void expect_large(void *start, int64_t bytes) {
#ifdef MADV_HUGEPAGE
    uintptr_t first = ((uintptr_t)start + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    uintptr_t last = ((uintptr_t)start + (uintptr_t)bytes) / LARGE_PAGE * LARGE_PAGE;
    if (last > first) {
        madvise((void *)first, last - first, MADV_HUGEPAGE);  /* only advice: may be refused */
    }
#else
    (void)start;
    (void)bytes;
#endif
}
