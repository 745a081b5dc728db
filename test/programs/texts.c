#include "all.h"
#include <ctype.h>
#include <locale.h>
#include <regex.h>
#include <search.h>
#include <time.h>
#include <wchar.h>

/* The string functions on every length and alignment (their fast paths are vectors), held to plain loops. */
static unsigned char memory[512], other[512];
static void lengths(void)
{
	uint64_t sum = 0;
	for (int at = 0; at < 33; at++)
		for (int size = 0; size < 140; size++) {
			for (int n = 0; n < 512; n++)
				memory[n] = (unsigned char)(n * 7 + 1) | 1, other[n] = 0xee;
			unsigned char *from = memory + at, *to = other + (at * 5) % 31;
			memcpy(to, from, size);
			CHECK(memcmp(to, from, size) == 0 && to[size] == 0xee);
			memmove(from + 3, from, size);
			CHECK(memcmp(to, from + 3, size) == 0);
			memset(to, size, size);
			for (int n = 0; n < size; n++)
				CHECK(to[n] == (unsigned char)size);
			from[size] = 0;
			CHECK(strlen((char *)from) == (size_t)size && strnlen((char *)from, 50) == (size_t)(size < 50 ? size : 50));
			CHECK(memchr(from, 0, 400) == from + size);
			CHECK(strchr((char *)from, 2) == NULL && (unsigned char *)strchrnul((char *)from, 2) == from + size);
			strcpy((char *)to, (char *)from);
			CHECK(strcmp((char *)to, (char *)from) == 0 && strncmp((char *)to, (char *)from, 60) == 0);
			if (size) {
				to[size - 1] ^= 0x80;
				int plain = to[size - 1] < from[size - 1] ? -1 : 1, real = strcmp((char *)to, (char *)from);
				CHECK((real > 0) - (real < 0) == plain && memcmp(to, from, size - 1) == 0);
				CHECK(memrchr(to, to[size - 1], size) == to + size - 1);
				CHECK((unsigned char *)strrchr((char *)from, from[0]) >= from);
			}
			for (int n = 0; n < size; n++)
				sum = sum * 33 + from[n];
		}
	printf("lengths %llx\n", (unsigned long long)sum);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

int texts(int argc, char **argv)
{
	(void)argc, (void)argv;
	lengths();
	char line[] = "the quick brown fox jumps over the lazy dog", *words[16], *rest = line;
	size_t count = 0;
	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		words[count++] = word;
	qsort(words, count, sizeof *words, by_text);
	for (size_t n = 0; n < count; n++)
		printf("%s ", words[n]);
	printf("\n%s %s %zu %zu\n", strstr("haystack with a needle in it", "needle"), strpbrk("one,two;three", ";,"), strspn("aabbc", "ab"),
	       strcspn("hello", "l"));
	printf("%d %d %d\n", strcasecmp("HeLLo", "hEllO"), strncasecmp("abcX", "ABCy", 3), strverscmp("file9", "file10") < 0);
	regex_t expression;
	regmatch_t matches[3];
	CHECK(regcomp(&expression, "([a-z]+)=([0-9]+)", REG_EXTENDED) == 0);
	CHECK(regexec(&expression, "some text, key=1234, more", 3, matches, 0) == 0);
	printf("matched %d to %d, number at %d\n", (int)matches[0].rm_so, (int)matches[0].rm_eo, (int)matches[2].rm_so);
	regfree(&expression);
	setlocale(LC_ALL, "C");
	wchar_t wide[32];
	size_t converted = mbstowcs(wide, "narrow", 32);
	printf("%zu %d\n", converted, wcscmp(wide, L"narrow"));
	time_t then = 1700000000;
	struct tm parts;
	char stamp[64];
	gmtime_r(&then, &parts);
	strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S %a %j", &parts);
	printf("%s %lld\n", stamp, (long long)timegm(&parts));
	hcreate(50);
	for (size_t n = 0; n < count; n++)
		hsearch((ENTRY){words[n], (void *)n}, ENTER);
	ENTRY *found = hsearch((ENTRY){"lazy", NULL}, FIND);
	printf("lazy is %ld\n", found ? (long)found->data : -1);
	printf("%s\n", strerror(EAGAIN));
	return 0;
}

static int by_number(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;
	return (left > right) - (left < right);
}
static int by_double(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

int sorting(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 20000;
	int *numbers = malloc(count * sizeof *numbers);
	double *reals = malloc(count * sizeof *reals);
	srandom(1);
	unsigned seed = 12345;
	for (int n = 0; n < count; n++) {
		seed = seed * 1103515245 + 12345;
		numbers[n] = (int)(seed >> 3) - (1 << 28);
		reals[n] = (double)numbers[n] / 977;
	}
	qsort(numbers, count, sizeof *numbers, by_number);
	qsort(reals, count, sizeof *reals, by_double);
	uint64_t sum = 0;
	for (int n = 0; n < count; n++) {
		CHECK(n == 0 || (numbers[n - 1] <= numbers[n] && reals[n - 1] <= reals[n]));
		sum = sum * 31 + (unsigned)numbers[n];
	}
	int key = numbers[count / 3], *found = bsearch(&key, numbers, count, sizeof *numbers, by_number);
	printf("%d sorted, sum %llx, found %d\n", count, (unsigned long long)sum, found && *found == key);
	return 0;
}
