/* A program of many small ones: `all NAME` runs one. Every line that is printed is the same in every run that is right. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) \
	((condition) ? (void)0 : (fprintf(stderr, "%s:%d: %s: errno %d\n", __FILE__, __LINE__, #condition, errno), exit(99)))

int hello(int argc, char **argv);
int formats(int argc, char **argv);
int floats(int argc, char **argv);
int exceptions(int argc, char **argv);
int threads(int argc, char **argv);
int signals(int argc, char **argv);
int timers(int argc, char **argv);
int crash(int argc, char **argv);
int processes(int argc, char **argv);
int pipes(int argc, char **argv);
int heap(int argc, char **argv);
int maps(int argc, char **argv);
int sorting(int argc, char **argv);
int texts(int argc, char **argv);
int places(int argc, char **argv);
int input(int argc, char **argv);
int rseq(int argc, char **argv);
