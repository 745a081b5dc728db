#include "all.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static uint64_t state = 88172645463325252u;
static uint64_t next(void)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return state;
}

/* malloc, realloc, free of 1 byte to a few MB in a thousand slots, each block filled and looked at when it goes. */
static void churn(uint64_t *sum)
{
	enum { SLOTS = 1000, ROUNDS = 30000 };
	static unsigned char *blocks[SLOTS];
	static size_t sizes[SLOTS];
	for (int n = 0; n < ROUNDS; n++) {
		int slot = next() % SLOTS;
		size_t size = next() % 100 == 0 ? next() % 1000000 : next() % 2000;
		for (size_t k = 0; k < sizes[slot]; k += 97)
			CHECK(blocks[slot][k] == (unsigned char)(slot + k));
		if (next() % 3 == 0) {
			free(blocks[slot]);
			blocks[slot] = NULL, sizes[slot] = 0;
			continue;
		}
		blocks[slot] = realloc(blocks[slot], size + 1);
		CHECK(blocks[slot] != NULL && (uintptr_t)blocks[slot] % 16 == 0);
		sizes[slot] = size;
		for (size_t k = 0; k < size; k += 97)
			blocks[slot][k] = (unsigned char)(slot + k);
		*sum += size;
	}
	for (int slot = 0; slot < SLOTS; slot++)
		free(blocks[slot]);
}

struct tree {
	struct tree *left, *right;
	unsigned key;
};
static struct tree *insert(struct tree *tree, unsigned key)
{
	if (tree == NULL) {
		tree = calloc(1, sizeof *tree);
		tree->key = key;
	} else if (key < tree->key)
		tree->left = insert(tree->left, key);
	else
		tree->right = insert(tree->right, key);
	return tree;
}
static unsigned height(const struct tree *tree)
{
	if (tree == NULL)
		return 0;
	unsigned left = height(tree->left), right = height(tree->right);
	return 1 + (left > right ? left : right);
}
static void drop(struct tree *tree)
{
	if (tree == NULL)
		return;
	drop(tree->left), drop(tree->right);
	free(tree);
}

static void *elsewhere(void *argument)
{
	char *texts[200];
	for (int n = 0; n < 200; n++)
		CHECK(asprintf(&texts[n], "%d of %ld", n, (long)argument) > 0);
	size_t all = 0;
	for (int n = 0; n < 200; n++)
		all += strlen(texts[n]), free(texts[n]);
	return (void *)all;
}

int heap(int argc, char **argv)
{
	(void)argc, (void)argv;
	uint64_t sum = 0;
	churn(&sum);
	printf("sum of sizes %llu\n", (unsigned long long)sum);
	struct tree *tree = NULL;
	for (int n = 0; n < 5000; n++)
		tree = insert(tree, next() % 1000000);
	printf("tree of height %u\n", height(tree));
	drop(tree);
	pthread_t ids[4];
	for (long n = 0; n < 4; n++)
		pthread_create(&ids[n], NULL, elsewhere, (void *)n);
	for (int n = 0; n < 4; n++) {
		void *all;
		pthread_join(ids[n], &all);
		printf("%ld characters\n", (long)all);
	}
	void *aligned;
	CHECK(posix_memalign(&aligned, 4096, 10000) == 0 && (uintptr_t)aligned % 4096 == 0);
	free(aligned);
	errno = 0;
	void *volatile much = malloc(PTRDIFF_MAX / 2);
	printf("too much: %s, errno %d\n", much ? "given" : "refused", errno);
	return 0;
}

/* A function that gives a number. */
static void gives(unsigned char *code, unsigned number)
{
#ifdef __aarch64__
	const uint32_t words[] = {0x52800000 | number << 5, 0xd65f03c0};
	memcpy(code, words, sizeof words);
#else
	const unsigned char bytes[] = {0xb8, number, 0, 0, 0, 0xc3};
	memcpy(code, bytes, sizeof bytes);
#endif
	__builtin___clear_cache((char *)code, (char *)code + 8);
}

/* mmap and its family: holes, protection, growth, moves; what fails. */
int maps(int argc, char **argv)
{
	(void)argc, (void)argv;
	char *area = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	for (int n = 0; n < 16; n++)
		area[n * 4096] = (char)n;
	CHECK(munmap(area + 4 * 4096, 4 * 4096) == 0);
	char *again = mmap(area + 4 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(again == area + 4 * 4096 && *again == 0);
	errno = 0;
	char *taken = mmap(area, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	printf("taken: %d errno %d\n", taken == MAP_FAILED, errno);
	char *grown = mremap(area + 8 * 4096, 8 * 4096, 64 * 4096, MREMAP_MAYMOVE);
	CHECK(grown != MAP_FAILED);
	printf("moved: %d %d %d\n", grown[0], grown[7 * 4096], grown[63 * 4096]);
	CHECK(mremap(grown, 64 * 4096, 4096, 0) == grown);
	CHECK(madvise(grown, 4096, MADV_DONTNEED) == 0);
	printf("after MADV_DONTNEED: %d\n", grown[0]);
	char *start = (char *)syscall(SYS_brk, 0);
	CHECK((char *)syscall(SYS_brk, start + 100000) == start + 100000);
	memset(start, 1, 100000);
	CHECK((char *)syscall(SYS_brk, start) == start && (char *)syscall(SYS_brk, 4096) == start);
	printf("unmapped twice: %d\n", munmap(grown, 4096) | munmap(grown, 4096));
	printf("no address: %d\n", mprotect((void *)0x10000, 4096, PROT_READ) == -1 ? errno : 0);
	printf("not aligned: %d\n", munmap(area + 1, 4096) == -1 ? errno : 0);
	unsigned char present[1];
	printf("mincore: %d\n", mincore(area, 4096, present) == 0 ? present[0] & 1 : -1);

	/* code made at run time, run, changed, run */
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	gives(code, 11);
	int (*made)(void) = (int (*)(void))code;
	int first = made();
	gives(code, 22);
	int second = made();
	CHECK(mprotect(code, 4096, PROT_READ | PROT_WRITE) == 0);
	gives(code, 33);
	CHECK(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
	printf("made code: %d %d %d\n", first, second, made());
	return 0;
}
