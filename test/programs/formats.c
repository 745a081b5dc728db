#include "all.h"
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <wchar.h>

/* printf and scanf in their formats: integers by flags, floating point from 4 to 10 bytes, text. */
static void integers(void)
{
	const long long values[] = {0, 1, -1, 42, INT_MIN, INT_MAX, LLONG_MIN, LLONG_MAX, 0x123456789abcdef};
	for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
		long long v = values[n];
		printf("[%lld|%+lld|% lld|%020lld|%-22lld|%llx|%#llX|%#llo|%llu]\n", v, v, v, v, v, v, v, v, v);
		printf("[%d|%hd|%hhd|%5.3d|%-8d|%x|%#x|%c]\n", (int)v, (short)v, (signed char)v, (int)v, (int)v, (int)v, (int)v,
		       (int)('a' + (v & 15)));
	}
	printf("[%zu|%td|%jd|%p|%p]\n", sizeof values, (ptrdiff_t)-3, (intmax_t)5, (void *)0x1234, (void *)(intptr_t)-1);
}

static void doubles(void)
{
	const double values[] = {0.0,     -0.0,    1.0,      -1.5,     0.1,      1.0 / 3,     2.0 / 3,  1e10,     1e-10, 123456789.125,
				 DBL_MAX, DBL_MIN, 4.94e-324, 1e22,     1e23,     9.5,         10.5,     0.5,      1.5,   2.5,
				 M_PI,    M_E,     1e100,    99999.95, 999999.5, 0.000123456, INFINITY, -INFINITY, NAN,   6.02214076e23};
	for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
		double v = values[n];
		printf("[%f|%e|%g|%a|%.0f|%.3f|%.17g|%+.2e|%15.4f|%-15.4g|%#.0f|%G]\n", v, v, v, v, v, v, v, v, v, v, v, v);
	}
}

static void long_doubles(void)
{
	const long double values[] = {0.0L,        1.0L,     -1.5L,    0.1L,         1.0L / 3,    1e4000L, 1e-4000L, 123456789.123456789L,
				      LDBL_EPSILON, LDBL_MAX, LDBL_MIN, (long double)M_PI, INFINITY, 1e19L,   0.5L,     2.5L};
	for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
		long double v = values[n];
		printf("[%Lf|%Le|%Lg|%La|%.0Lf|%.21Lg]\n", fabsl(v) > 1e100L ? 1 / v : v, v, v, v, fabsl(v) > 1e100L ? 0 : v, v);
	}
}

static void scanned(void)
{
	const char *numbers[] = {"0",     "1",         "-2.5",       "1e300",  "1e-300",           "0.1",   "3.14159265358979323846",
				 "1e400", "0x1.8p+3", "  17 and on", "inf", "nan", "1.7976931348623157e308", "4.9e-324", "9007199254740993"};
	for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
		char *end;
		double d = strtod(numbers[n], &end);
		printf("%s: %.17g, %d read", numbers[n], d, (int)(end - numbers[n]));
		float f = strtof(numbers[n], NULL);
		long double l = strtold(numbers[n], NULL);
		printf(", %.9g, %.21Lg\n", (double)f, l);
	}
	int a, b;
	char word[16];
	double d;
	long double l;
	printf("%d fields:", sscanf("12 0x1f word 2.75 1e-5", "%d %i %15s %lf %Lf", &a, &b, word, &d, &l));
	printf(" %d %d %s %g %Lg\n", a, b, word, d, l);
	printf("%ld %lu %lld %d\n", strtol("-123", NULL, 10), strtoul("777", NULL, 8), strtoll("zz", NULL, 36), atoi("  55x"));
	errno = 0;
	long overflowed = strtol("99999999999999999999", NULL, 10);
	printf("%ld errno %d\n", overflowed, errno);
}

int formats(int argc, char **argv)
{
	(void)argc, (void)argv;
	integers();
	doubles();
	long_doubles();
	scanned();
	char text[8];
	printf("%d characters for [%s]\n", snprintf(text, sizeof text, "%s-%s", "longer", "than that"), text);
	printf("[%10s|%-10s|%.2s|%*.*s|%%|%5c]\n", "right", "left", "cut", 7, 3, "stars", 'c');
	printf("[%ls]\n", L"wide");
	int counted;
	printf("twelve chars%n", &counted);
	printf(" %d\n", counted);
	return 0;
}
