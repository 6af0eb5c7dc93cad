/* SPDX-License-Identifier: BSD-2-Clause */
/* version.c: see version.h. Libraries tell the version that runs, not the one that was built with. */
#include <bpf/libbpf.h>
#include <curses.h>
#include <jansson.h>
#include <pgleaktrace/view.h>

#include "bpf_id.h"
#include "httpd.h"
#include "version.h"

static void print_formats(FILE *out)
{
	fputs("formats:", out);
	for (size_t i = 0; views[i]; i++)
		fprintf(out, " %s", views[i]->name);
	fputc('\n', out);
}

void version_print(FILE *out, struct argp_state *state)
{
	struct httpd mhd;
	bool serves = !httpd_load(&mhd);

	(void)state;
	fputs("pgleaktrace " PGLEAKTRACE_VERSION "\n", out);
	print_formats(out);
	fprintf(out, "features: tcp unix wire record replay screen metrics command%s\n",
#ifdef PGLEAKTRACE_STATIC
		" static"
#else
		""
#endif
	);
	fprintf(out, "libraries: libbpf %d.%d, jansson %s, libmicrohttpd %s, %s\n",
		(int)libbpf_major_version(), (int)libbpf_minor_version(), jansson_version_str(),
		serves ? mhd.get_version() : "not installed", curses_version());
	fputs("BPF object: " BPF_BUILD_ID "\n", out);
}
