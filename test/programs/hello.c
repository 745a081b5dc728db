#include "all.h"

/* Arguments, environment, both streams, exit status, what runs at exit. */
static void last(void) { puts("at exit"); }

int hello(int argc, char **argv)
{
	atexit(last);
	printf("hello, %d arguments\n", argc - 1);
	for (int n = 1; n < argc; n++)
		printf("%d: %s\n", n, argv[n]);
	const char *name = getenv("GREETING");
	if (name)
		printf("environment: %s\n", name);
	fprintf(stderr, "to the other stream\n");
	errno = ENOENT;
	perror("an error");
	return argc > 1 ? atoi(argv[argc - 1]) : 0;
}

/* Reads lines of standard input and counts them as wc does; then raw bytes that were left. */
int input(int argc, char **argv)
{
	(void)argc, (void)argv;
	char line[64];
	unsigned long lines = 0, bytes = 0, sum = 0;
	while (fgets(line, sizeof line, stdin)) {
		lines += strchr(line, '\n') != NULL;
		bytes += strlen(line);
		for (char *c = line; *c; c++)
			sum = sum * 31 + (unsigned char)*c;
	}
	printf("%lu lines, %lu bytes, sum %lx\n", lines, bytes, sum);
	CHECK(feof(stdin) && read(0, line, 1) == 0);
	return 0;
}
