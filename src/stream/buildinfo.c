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
#define INFO_MOST     (256 * 1024)

static bool read_at(int fd, void *to, size_t size, __u64 at)
{
	return pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

static bool find_section(int fd, const Elf64_Ehdr *elf, Elf64_Shdr *out)
{
	Elf64_Shdr names;
	char name[16];

	if (elf->e_shentsize != sizeof(*out) || elf->e_shnum > SECTIONS_MOST ||
		!read_at(fd, &names, sizeof(names),
			elf->e_shoff + (__u64)elf->e_shstrndx * sizeof(names)))
		return false;
	for (unsigned i = 0; i < elf->e_shnum; i++)
		if (read_at(fd, out, sizeof(*out), elf->e_shoff + i * sizeof(*out)) &&
			read_at(fd, name, 14, names.sh_offset + out->sh_name) &&
			!memcmp(name, ".go.buildinfo", 14))
			return true;
	return false;
}

/* The section as text: what is no text in it (lengths, magic) matters not. */
static char *read_info(int fd)
{
	Elf64_Ehdr elf;
	Elf64_Shdr section;
	char *info;

	if (!read_at(fd, &elf, sizeof(elf), 0) || memcmp(elf.e_ident, ELFMAG, SELFMAG) ||
		elf.e_ident[EI_CLASS] != ELFCLASS64 || !find_section(fd, &elf, &section) ||
		section.sh_size > INFO_MOST || !section.sh_size)
		return NULL;
	info = xcalloc(1, section.sh_size + 1);
	if (!read_at(fd, info, section.sh_size, section.sh_offset)) {
		free(info);
		return NULL;
	}
	for (size_t i = 0; i < section.sh_size; i++)
		if (!info[i])
			info[i] = ' ';
	return info;
}

bool buildinfo_module(int exe, const char *module, char *version, size_t size)
{
	char *info = read_info(exe), wanted[128], *at;
	bool found = false;

	snprintf(wanted, sizeof(wanted), "dep\t%s", module);
	for (at = info; at && !found && (at = strstr(at, wanted)); at++) {
		char *end = at + strlen(wanted);

		end += strcspn(end, "\t\n"); /* pgx/v5 */
		if (at[strlen(wanted)] != '\t' && at[strlen(wanted)] != '/')
			continue;
		found = true;
		snprintf(version, size, "%.*s", *end == '\t' ? (int)strcspn(end + 1, "\t\n") : 0,
			end + 1);
	}
	free(info);
	return found;
}
