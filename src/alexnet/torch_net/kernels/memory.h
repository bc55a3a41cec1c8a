/* What a kernel may ask of the system's memory. */

#ifndef ALEXNET_MEMORY_H
#define ALEXNET_MEMORY_H

#include <stdint.h>

/* Asks for large pages under a result that is about to be written, where the system has them: a new
 * one of 150 MB is otherwise 36,000 interruptions. Costs nothing where the pages are there already. */
void expect_large(void *start, int64_t bytes);

#endif
