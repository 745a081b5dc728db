#include "all.h"
#include <complex.h>
#include <fenv.h>
#include <math.h>

/* Arithmetic by SSE2 and x87, printed bit by bit: conversions, comparisons, libm, vectors that the compiler makes. */
static void bits(const char *name, double value)
{
	uint64_t raw;
	memcpy(&raw, &value, 8);
	if (isnan(value))
		printf("%s nan\n", name);
	else
		printf("%s %016llx %.17g\n", name, (unsigned long long)raw, value);
}

static double volatile inputs[] = {0.5, -0.5, 1.0, 2.0, 3.75, -7.25, 1e-5, 100.0, 12345.678, 1e15, -1e-300, 0.0};

static void library(void)
{
	for (size_t n = 0; n < sizeof inputs / sizeof *inputs; n++) {
		double v = inputs[n];
		bits("sqrt", sqrt(v));
		bits("floor", floor(v));
		bits("ceil", ceil(v));
		bits("trunc", trunc(v));
		bits("rint", rint(v));
		bits("round", round(v));
		bits("fmod", fmod(v, 3.0));
		bits("ldexp", ldexp(v, 5));
		bits("fabs", fabs(v));
		bits("copysign", copysign(1, v));
		bits("fmax", fmax(v, 1));
		bits("hypot", hypot(v, 2));
		printf("%ld %ld %d %d\n", lrint(v), (long)v, (int)(float)(v * 0.001), signbit(v) != 0);
		/* the last bit of these differs between ways of libm: enough digits, not all */
		printf("%.12g %.12g %.12g %.12g %.12g\n", sin(v), cos(v), exp(fmin(v, 50)), log(fabs(v) + 1), pow(fabs(v), 0.3));
		printf("%.12g %.12g %.12g %.12g\n", atan(v), tanh(v), cbrt(v), atan2(v, 2));
		printf("%.12Lg %.12Lg %.12Lg\n", sqrtl(fabsl(v)), sinl(v), logl(fabsl(v) + 1));
	}
}

static void conversions(void)
{
	for (size_t n = 0; n < sizeof inputs / sizeof *inputs; n++) {
		double v = inputs[n];
		float volatile f = (float)v;
		long double volatile l = v;
		bits("float", f);
		bits("long double", (double)(l * l / 3));
		printf("%llu %u %d %d %lld\n", (unsigned long long)fabs(v), (unsigned)fmin(fabs(v), 4e9), (int)fmin(v, 2e9), (short)(int)fmin(v, 3e4),
		       (long long)l);
		long long volatile whole = (long long)(v * 1000);
		bits("from int64", (double)whole);
		bits("from uint64", (double)(unsigned long long)whole);
		bits("from int32", (double)(int)whole);
		f = (float)whole;
		bits("to float", f);
		l = (unsigned long long)whole;
		printf("%.20Lg\n", l);
		__int128 wide = (__int128)v * 1000000007;
		printf("%llx %llx\n", (unsigned long long)(wide >> 64), (unsigned long long)wide);
	}
}

static void comparisons(void)
{
	double volatile values[] = {-INFINITY, -1, -0.0, 0.0, 1, INFINITY, NAN};
	for (int a = 0; a < 7; a++) {
		for (int b = 0; b < 7; b++)
			printf("%d%d%d%d%d%d%d ", values[a] < values[b], values[a] <= values[b], values[a] == values[b], values[a] != values[b],
			       isunordered(values[a], values[b]) != 0, (long double)values[a] > values[b], (float)values[a] >= (float)values[b]);
		printf("\n");
	}
}

static float matrix[3][16][16];
static void vectors(void)
{
	for (int n = 0; n < 256; n++) {
		matrix[0][n / 16][n % 16] = (float)(n % 7) - 3.5f;
		matrix[1][n / 16][n % 16] = (float)(n % 11) * 0.25f;
	}
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 16; k++)
			for (int j = 0; j < 16; j++)
				matrix[2][i][j] += matrix[0][i][k] * matrix[1][k][j];
	double sum = 0;
	float least = 0;
	for (int n = 0; n < 256; n++) {
		sum += matrix[2][n / 16][n % 16] * n;
		least = fminf(least, matrix[2][n / 16][n % 16]);
	}
	bits("matrix", sum);
	bits("least", least);
	double complex z = 1 + 2 * I;
	for (int n = 0; n < 10; n++)
		z = z * z / (1 + cabs(z)) + 0.5 * I;
	bits("real", creal(z));
	bits("imaginary", cimag(z));
	int32_t whole[64];
	double half[64];
	for (int n = 0; n < 64; n++)
		whole[n] = n * n * 977 - 1000;
	for (int n = 0; n < 64; n++)
		half[n] = whole[n] * 0.5;
	for (int n = 0; n < 64; n++)
		whole[n] = (int32_t)(half[n] / 3) ^ whole[63 - n];
	int64_t total = 0;
	for (int n = 0; n < 64; n++)
		total = total * 3 + whole[n];
	printf("whole %lld\n", (long long)total);
}

static void rounding(void)
{
	static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
	double volatile one = 1, three = 3, half = 2.5;
	for (int n = 0; n < 4; n++) {
		fesetround(modes[n]);
		bits("third", one / three);
		bits("minus third", -one / three);
		printf("%ld %ld %.20Lg\n", lrint(half), lrint(-half), (long double)one / three);
	}
	fesetround(FE_TONEAREST);
}

int floats(int argc, char **argv)
{
	(void)argc, (void)argv;
	library();
	conversions();
	comparisons();
	vectors();
	rounding();
	return 0;
}

/* The exceptions that arithmetic raises in MXCSR and in the x87's status word. */
#define RAISED(expression) \
	do { \
		feclearexcept(FE_ALL_EXCEPT); \
		double volatile result = (double)(expression); \
		int raised = fetestexcept(FE_ALL_EXCEPT); \
		(void)result; \
		printf("%s:%s%s%s%s%s\n", #expression, raised & FE_INVALID ? " invalid" : "", raised & FE_DIVBYZERO ? " division" : "", \
		       raised & FE_OVERFLOW ? " overflow" : "", raised & FE_UNDERFLOW ? " underflow" : "", \
		       raised & FE_INEXACT ? " inexact" : ""); \
	} while (0)

int exceptions(int argc, char **argv)
{
	(void)argc, (void)argv;
	double volatile zero = 0, one = 1, three = 3, big = 1e308, tiny = 1e-308, none = NAN;
	float volatile small = 1e-38f, third = 1 / 3.f;
	long double volatile wide = 1e4000L, nothing = 0;
	RAISED(one + one);
	RAISED(one / three);
	RAISED(one / zero);
	RAISED(zero / zero);
	RAISED(big * big);
	RAISED(tiny * tiny);
	RAISED(small * small);
	RAISED(third * third);
	RAISED((float)one);
	RAISED((float)(one / three));
	RAISED((float)big);
	RAISED((float)tiny);
	RAISED(sqrt(-one));
	RAISED(sqrt(three));
	RAISED((int)2.5);
	RAISED((int)(three / 2 + zero));
	RAISED((int)big);
	RAISED((long)none);
	RAISED(none < one);
	RAISED(none == one);
	RAISED(none + one);
	RAISED(fmax(none, one));
	RAISED(lrint(three / 2));
	RAISED(rint(three / 2));
	RAISED(nearbyint(three / 2));
	RAISED(wide * wide);
	RAISED(1 / nothing);
	RAISED(nothing / nothing);
	RAISED(wide / 3);
	RAISED((double)wide);
	return 0;
}
