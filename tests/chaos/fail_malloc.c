/* fail_malloc: an LD_PRELOAD in which the n-th allocation that the program itself asks for finds no
 * memory, with FAIL_ALL each one from there on. Libraries get theirs: libcrypto 3 falls where its
 * own beginning fails, before any input is read. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static unsigned long calls, fail_at;
static uintptr_t from, to; /* the program */
static int fail_all;

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

static int on_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	from = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && from + p->p_vaddr + p->p_memsz > to)
			to = from + p->p_vaddr + p->p_memsz;
	}
	return 1; /* the first is the program */
}

__attribute__((constructor)) static void set_up(void)
{
	const char *at = getenv("FAIL_AT");

	fail_all = getenv("FAIL_ALL") != NULL;
	fail_at = at ? strtoul(at, NULL, 10) : 0;
	dl_iterate_phdr(on_object, NULL);
}

static int fails(const void *caller)
{
	unsigned long n;

	if ((uintptr_t)caller < from || (uintptr_t)caller >= to)
		return 0;
	n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (!fail_at || (fail_all ? n < fail_at : n != fail_at))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
