/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpd.h: libmicrohttpd, loaded by who serves metrics and by nobody else: the distributions'
 * brings TLS with it, ten libraries of which we use nothing, and a watch would keep them in memory.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <microhttpd.h>

/* All that is used of it, without the MHD_. */
#define HTTPD_FUNCTIONS(F)                                                                         \
	F(get_version)                                                                             \
	F(start_daemon)                                                                            \
	F(stop_daemon)                                                                             \
	F(run)                                                                                     \
	F(get_timeout)                                                                             \
	F(get_daemon_info)                                                                         \
	F(get_connection_info)                                                                     \
	F(lookup_connection_value)                                                                 \
	F(create_response_from_buffer)                                                             \
	F(add_response_header)                                                                     \
	F(queue_response)                                                                          \
	F(destroy_response)

/* Each with the type that the library's own header gives it. */
struct httpd {
#define HTTPD_MEMBER(name) __typeof__(&MHD_##name) name;
	HTTPD_FUNCTIONS(HTTPD_MEMBER)
#undef HTTPD_MEMBER
};

/* 0; -ENOPKG: it is not installed, or lacks one of these. Stays loaded until the process ends. */
int httpd_load(struct httpd *out);

#endif
