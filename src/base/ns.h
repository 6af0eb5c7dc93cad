/* SPDX-License-Identifier: BSD-2-Clause */
/* ns.h: times are nanoseconds everywhere; these are how people count. */
#ifndef BASE_NS_H
#define BASE_NS_H

#define MILLISECOND 1000000ull
#define SECOND      1000000000ull
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)

#endif
