/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buildinfo.c: the modules of a Go program, from its section .go.buildinfo (Go 1.18 and newer, where
 * the text stands in the section itself): lines of "dep\tgithub.com/lib/pq\tv1.10.9\th1:…".
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "stream/library.h"

#define SECTIONS_MOST 512
#define NAMES_MOST    (64 * 1024)
#define INFO_MOST     (256 * 1024)

static bool read_at(int fd, void *to, size_t size, __u64 at)
{
	return pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

/* A piece of the file, a NUL behind it; NULL: there is none, or it is too long. Caller frees. */
static char *piece(int fd, __u64 at, __u64 size, __u64 most)
{
	char *bytes = size && size <= most ? xcalloc(1, size + 1) : NULL;

	if (bytes && read_at(fd, bytes, size, at))
		return bytes;
	free(bytes);
	return NULL;
}

static bool is_info(const Elf64_Shdr *section, const char *names, __u64 size)
{
	return section->sh_name < size && !strcmp(names + section->sh_name, ".go.buildinfo");
}

static bool find_section(int fd, const Elf64_Ehdr *elf, Elf64_Shdr *out)
{
	Elf64_Shdr *all = NULL, *named;
	char *names = NULL;
	bool found = false;

	if (elf->e_shentsize == sizeof(*all) && elf->e_shstrndx < elf->e_shnum)
		all = (void *)piece(fd, elf->e_shoff, elf->e_shnum * sizeof(*all),
			SECTIONS_MOST * sizeof(*all));
	named = all ? &all[elf->e_shstrndx] : NULL;
	if (named)
		names = piece(fd, named->sh_offset, named->sh_size, NAMES_MOST);
	for (unsigned i = 0; names && i < elf->e_shnum && !found; i++) {
		found = is_info(&all[i], names, named->sh_size);
		*out = all[i];
	}
	free(names);
	free(all);
	return found;
}

/* The section as text: what is no text in it (lengths, magic) matters not. */
char *buildinfo_read(int exe)
{
	Elf64_Ehdr elf;
	Elf64_Shdr section;
	char *info;

	if (!read_at(exe, &elf, sizeof(elf), 0) || memcmp(elf.e_ident, ELFMAG, SELFMAG) ||
		elf.e_ident[EI_CLASS] != ELFCLASS64 || !find_section(exe, &elf, &section))
		return NULL;
	info = piece(exe, section.sh_offset, section.sh_size, INFO_MOST);
	for (size_t i = 0; info && i < section.sh_size; i++)
		if (!info[i])
			info[i] = ' ';
	return info;
}

bool buildinfo_module(const char *info, const char *module, char *version, size_t size)
{
	char wanted[128];
	bool found = false;

	snprintf(wanted, sizeof(wanted), "dep\t%s", module);
	for (const char *at = info; !found && (at = strstr(at, wanted)); at++) {
		const char *end = at + strlen(wanted);

		end += strcspn(end, "\t\n"); /* pgx/v5 */
		if (at[strlen(wanted)] != '\t' && at[strlen(wanted)] != '/')
			continue;
		found = true;
		snprintf(version, size, "%.*s", *end == '\t' ? (int)strcspn(end + 1, "\t\n") : 0,
			end + 1);
	}
	return found;
}
