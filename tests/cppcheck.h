/* SPDX-License-Identifier: BSD-2-Clause */
/* cppcheck.h: what cppcheck must know of the libraries' macros: with an unknown one it gives the rest of
 * the file up. It sees no system header, so it takes these. */
#define HASH_ITER(hh, head, item, next) \
	for ((item) = (head), (next) = (head); (item); (item) = (next))
#define HASH_FIND(hh, head, key, length, out) ((out) = (head))
#define HASH_FIND_STR(head, key, out) ((out) = (head))
#define DL_FOREACH(head, item) for ((item) = (head); (item); (item) = (item)->next)
#define DL_FOREACH_SAFE(head, item, next_item) for ((item) = (head), (next_item) = (head); (item); (item) = (next_item))
#define LIBBPF_OPTS(type, name, ...) struct type name = {__VA_ARGS__}
