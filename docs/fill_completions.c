/* SPDX-License-Identifier: BSD-2-Clause */
/* fill_completions.c: what bash, zsh and fish complete: the options, and the words that those take
 * whose words are known. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <pgleaktrace/finding.h>
#include <pgleaktrace/view.h>

#include "fill.h"

static void write_format_words(FILE *out)
{
	for (size_t i = 0; views[i]; i++)
		fprintf(out, "%s%s", i ? " " : "", views[i]->name);
}

static void write_group_words(FILE *out)
{
	for (int g = 0; g < GROUPS; g++)
		fprintf(out, "%s%s", g ? " " : "", group_by_name((enum group_by)g));
}

static void write_column_words(FILE *out)
{
	for (size_t i = 0; i < count_field_count; i++)
		fprintf(out, "%s%s", i ? " " : "", count_fields[i].name);
}

static void write_rule_words(FILE *out)
{
	for (size_t i = 0; i < RULES; i++)
		fprintf(out, "%s%s", i ? " " : "", rule_rows[i].id);
}

static void write_rule_switches(FILE *out)
{
	for (size_t i = 0; i < RULES; i++)
		fprintf(out, "%s%s=off %s=on", i ? " " : "", rule_rows[i].id, rule_rows[i].id);
}

static void write_gate_words(FILE *out)
{
	for (int s = 0; s < SEVERITIES; s++)
		fprintf(out, "%s ", severity_name((enum severity)s));
	fputs("refused failed ", out);
	write_rule_words(out);
}

static void write_switch_words(FILE *out)
{
	fputs("on off", out);
}

static const struct {
	const char *option;
	void (*write)(FILE *out);
} words[] = {
	{"output", write_format_words},
	{"group-by", write_group_words},
	{"sort", write_column_words},
	{"rule", write_rule_switches},
	{"fail-on", write_gate_words},
	{"unix", write_switch_words},
};

typedef void write_words(FILE *out);

/* NULL: its words are not known. */
static write_words *words_of(const struct argp_option *row)
{
	assert(row->name);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].option, row->name))
			return words[i].write;
	return NULL;
}

typedef void write_row(FILE *out, const struct argp_option *row);

static void each_option(FILE *out, write_row *write)
{
	for (size_t i = 0; i < 2; i++)
		for (const struct argp_option *row = option_tables[i];
			row->name || row->key || row->doc; row++)
			if (is_option(row))
				write(out, row);
}

static bool takes(const struct argp_option *row, const char *what)
{
	return row->arg && !strcmp(row->arg, what);
}

/* -- bash ------------------------------------------------------------------------------------- */

static void bash_option(FILE *out, const struct argp_option *row)
{
	fprintf(out, "\t\t--%s%s\n", row->name, row->arg ? "=" : "");
	if (has_letter(row))
		fprintf(out, "\t\t-%c\n", row->key);
}

static void bash_value(FILE *out, const struct argp_option *row)
{
	write_words *write = words_of(row);

	if (!row->arg)
		return;
	fprintf(out, "\t--%s", row->name);
	if (has_letter(row))
		fprintf(out, "|-%c", row->key);
	if (takes(row, "FILE")) {
		fputs(") COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n", out);
	} else if (takes(row, "USER")) {
		fputs(") COMPREPLY=($(compgen -u -- \"$cur\")) ;;\n", out);
	} else if (write) {
		fputs(") COMPREPLY=($(compgen -W '", out);
		write(out);
		fputs("' -- \"$cur\")) ;;\n", out);
	} else {
		fputs(") COMPREPLY=() ;;\n", out);
	}
}

static void write_bash_options(FILE *out)
{
	each_option(out, bash_option);
}

static void write_bash_values(FILE *out)
{
	each_option(out, bash_value);
}

/* -- zsh: '(-P --port)'{-P+,--port=}'[help]:PORT:(words)' ----------------------------------------- */

/* Within single quotes; characters that mean something there get a backslash. */
static void zsh_text(FILE *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			fputc('\\', out);
		fputs(*text == '\'' ? "'\\''" : (char[]){*text, 0}, out);
	}
}

static void zsh_action(FILE *out, const struct argp_option *row)
{
	write_words *write = words_of(row);

	if (!row->arg)
		return;
	fputc(':', out);
	zsh_text(out, row->arg, ":\\");
	fputc(':', out);
	if (takes(row, "FILE"))
		fputs("_files", out);
	else if (takes(row, "USER"))
		fputs("_users", out);
	else if (takes(row, "PID"))
		fputs("_pids", out);
	else if (write) {
		fputc('(', out);
		write(out);
		fputc(')', out);
	}
}

static void zsh_option(FILE *out, const struct argp_option *row)
{
	char *help = option_help(row);

	if (has_letter(row))
		fprintf(out, "\t'(-%c --%s)'{-%c%s,--%s%s}'[", row->key, row->name, row->key,
			row->arg ? "+" : "", row->name, row->arg ? "=" : "");
	else
		fprintf(out, "\t'--%s%s[", row->name, row->arg ? "=" : "");
	zsh_text(out, help, "[]:\\");
	fputc(']', out);
	zsh_action(out, row);
	fputs("' \\\n", out);
	free(help);
}

static void write_zsh_options(FILE *out)
{
	each_option(out, zsh_option);
}

/* -- fish -------------------------------------------------------------------------------------- */

static void fish_text(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void fish_value(FILE *out, const struct argp_option *row)
{
	write_words *write = words_of(row);

	if (!row->arg)
		return;
	if (takes(row, "FILE")) {
		fputs(" -r -F", out);
	} else if (takes(row, "USER")) {
		fputs(" -x -a '(__fish_complete_users)'", out);
	} else if (takes(row, "PID")) {
		fputs(" -x -a '(__fish_complete_pids)'", out);
	} else if (write) {
		fputs(" -x -a '", out);
		write(out);
		fputc('\'', out);
	} else {
		fputs(" -x", out);
	}
}

static void fish_option(FILE *out, const struct argp_option *row)
{
	char *help = option_help(row);

	fputs("complete -c pgleaktrace -n __pgleaktrace_no_command -l ", out);
	fputs(row->name, out);
	if (has_letter(row))
		fprintf(out, " -s %c", row->key);
	fish_value(out, row);
	fputs(" -d ", out);
	fish_text(out, help);
	fputc('\n', out);
	free(help);
}

static void write_fish_options(FILE *out)
{
	each_option(out, fish_option);
}

const struct filler completion_fillers[] = {
	{"bash-options", write_bash_options},
	{"bash-values", write_bash_values},
	{"zsh-options", write_zsh_options},
	{"fish-options", write_fish_options},
	{0},
};
