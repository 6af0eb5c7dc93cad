/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact.h: secrets leave command lines before anything is printed or recorded. What is removed
 * becomes "***"; redacting twice changes nothing more.
 */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/* NUL-separated argv in, the same out, with secrets gone. Caller frees. */
char *redact_argv(const char *argv, size_t length, size_t *out_length);

/* A command line of our own as it would be typed again, secrets gone if `redact`. Caller frees. */
char *redact_typed(char *const *argv, bool redact);

#endif
