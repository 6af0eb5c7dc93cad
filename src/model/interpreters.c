/* SPDX-License-Identifier: BSD-2-Clause */
/* interpreters.c: see interpreters.h. A list is one text: its words have a space on both sides. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "model/interpreters.h"

#define LIST(words) " " words " "

static const struct interpreter interpreters[] = {
	{LIST("node nodejs"),
		LIST("-r --require --import --loader --experimental-loader -C --conditions "
		     "--env-file --input-type --icu-data-dir --openssl-config --title"),
		LIST("-e --eval -p --print -pe"), "", "", "", ""},
	{LIST("python pypy"), LIST("-W -X --check-hash-based-pycs"), LIST("-c"), LIST("-m"), "", "",
		LIST("manage.py")},
	{LIST("ruby jruby"), LIST("-r -I -C -E"), LIST("-e"), "", "", "", LIST("rake rails")},
	{LIST("perl"), LIST("-I"), LIST("-e -E"), "", "", "", ""},
	{LIST("php"), LIST("-c -d -z"), LIST("-r"), "", "", "", LIST("artisan console")},
	{LIST("java"),
		LIST("-cp -classpath --class-path -p --module-path --add-modules --add-opens "
		     "--add-exports --add-reads"),
		"", LIST("-jar -m --module"), "", "", ""},
	{LIST("deno"), LIST("-c --config --import-map --env-file"), LIST("eval"), "",
		LIST("run serve"), LIST("task"), ""},
	{LIST("bun bunx"), LIST("-r --preload --env-file --cwd"), LIST("-e --eval -p --print"), "",
		LIST("run x"), "", ""},
	{LIST("tsx ts-node ts-node-esm ts-node-dev esno"),
		LIST("--tsconfig -P --project -O -r --require --import --env-file"),
		LIST("-e --eval -p --print"), "", LIST("watch"), "", ""},
	{LIST("sh bash dash zsh ksh ash"), LIST("-o -O --rcfile --init-file"), LIST("-c"), "", "",
		"", ""},
	{LIST("lua luajit"), LIST("-l"), LIST("-e"), "", "", "", ""},
	{LIST("Rscript"), "", LIST("-e"), "", "", "", ""},
	{LIST("dotnet"), "", "", "", LIST("exec"), LIST("run"), ""},
};

const char exec_prefixes[] =
	LIST("env nice nohup setsid stdbuf time exec sudo ionice chrt taskset timeout");
const char package_managers[] = LIST("npm npx yarn pnpm pnpx corepack bunx");
const char app_servers[] = LIST("gunicorn uvicorn hypercorn daphne");
const char chain_runners[] = LIST("bundle poetry uv pipenv pdm hatch dotenv");

/* Script files of packages that stand for their own name. */
static const struct {
	const char *part, *name;
} known_bins[] = {
	{"/tsx/dist/cli", "tsx"},
	{"/ts-node/dist/bin", "ts-node"},
	{"/npm/bin/npm-cli.js", "npm"},
	{"/npm/bin/npx-cli.js", "npx"},
	{"/bin/npm", "npm"},
	{"/bin/npx", "npx"},
	{"/bin/yarn", "yarn"},
	{"/yarn/bin/yarn.js", "yarn"},
	{"/bin/pnpm", "pnpm"},
	{"/pnpm/bin/pnpm.cjs", "pnpm"},
	{"/.bin/tsx", "tsx"},
	{"/.bin/ts-node", "ts-node"},
};

bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *at = list;

	if (!n || strchr(word, ' '))
		return false;
	while ((at = strstr(at, word))) {
		if (at > list && at[-1] == ' ' && at[n] == ' ')
			return true;
		at += n;
	}
	return false;
}

const char *program_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

void program_family(char *out, size_t size, const char *word)
{
	size_t n;

	snprintf(out, size, "%s", program_name(word[0] == '-' ? word + 1 : word));
	n = strlen(out);
	while (n > 1 && (isdigit((unsigned char)out[n - 1]) || out[n - 1] == '.'))
		n--;
	out[n] = 0;
}

const struct interpreter *interpreter_of(const char *word)
{
	char family[64];

	program_family(family, sizeof(family), word);
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++)
		if (listed(interpreters[i].names, family))
			return &interpreters[i];
	return NULL;
}

const char *known_program(const char *script)
{
	for (size_t i = 0; i < sizeof(known_bins) / sizeof(known_bins[0]); i++)
		if (strstr(script, known_bins[i].part))
			return known_bins[i].name;
	return NULL;
}
