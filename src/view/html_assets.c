/* SPDX-License-Identifier: BSD-2-Clause */
/* html_assets.c: report.css and report.js, taken in as they are by the assembler. The page names
 * their hashes in its policy, so that nothing else on it can be a style or a script. */
#include <report_hashes.h>

#include "view/html.h"

#define ASSET(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " name "\n" name ":\n"                                                    \
		".incbin \"" file "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".popsection\n")

ASSET("report_css", "src/view/report.css");
ASSET("report_js", "src/view/report.js");

const char *const report_css_hash = REPORT_CSS_HASH;
const char *const report_js_hash = REPORT_JS_HASH;
