#include "all.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} programs[] = {
	{"hello", hello},     {"formats", formats}, {"floats", floats},   {"exceptions", exceptions}, {"threads", threads}, {"signals", signals},
	{"timers", timers},   {"crash", crash},     {"processes", processes}, {"pipes", pipes}, {"heap", heap},
	{"maps", maps},       {"sorting", sorting}, {"texts", texts},   {"places", places},   {"input", input},   {"rseq", rseq},
};

int main(int argc, char **argv)
{
	for (size_t n = 0; argc > 1 && n < sizeof programs / sizeof *programs; n++)
		if (!strcmp(argv[1], programs[n].name))
			return programs[n].run(argc - 1, argv + 1);
	fprintf(stderr, "all: which one?\n");
	return 2;
}
