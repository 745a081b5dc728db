#include "all.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spinlock;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t semaphore;
static long under_mutex, under_spinlock, under_rwlock, once_calls, destroyed;
static atomic_long atomic;
static __thread long own = 5;

static void once_only(void) { once_calls++; }
static void destroy(void *value) { __atomic_fetch_add(&destroyed, (long)value, __ATOMIC_SEQ_CST); }

static void *counter(void *argument)
{
	long id = (long)argument;
	pthread_once(&once, once_only);
	CHECK(pthread_setspecific(key, (void *)(id + 1)) == 0);
	for (int n = 0; n < ROUNDS; n++) {
		pthread_mutex_lock(&mutex);
		under_mutex++;
		pthread_mutex_unlock(&mutex);
		pthread_spin_lock(&spinlock);
		under_spinlock++;
		pthread_spin_unlock(&spinlock);
		atomic_fetch_add(&atomic, id);
		own += id;
		if (n % 64 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			under_rwlock++;
			pthread_rwlock_unlock(&rwlock);
			sched_yield();
		} else if (n % 8 == 0) {
			pthread_rwlock_rdlock(&rwlock);
			CHECK(under_rwlock >= 0);
			pthread_rwlock_unlock(&rwlock);
		}
		if (n % 500 == 0)
			pthread_barrier_wait(&barrier);
	}
	CHECK((long)pthread_getspecific(key) == id + 1);
	return (void *)own;
}

/* A bounded buffer by mutex and condition variables. */
static int buffer[4], filled, taken_sum;
static void *producer(void *argument)
{
	for (int n = 1; n <= 300; n++) {
		pthread_mutex_lock(&mutex);
		while (filled == 4)
			pthread_cond_wait(&changed, &mutex);
		buffer[filled++] = n;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}
static void *consumer(void *argument)
{
	for (int n = 1; n <= 300; n++) {
		pthread_mutex_lock(&mutex);
		while (filled == 0)
			pthread_cond_wait(&changed, &mutex);
		taken_sum += buffer[--filled];
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void *waits(void *argument)
{
	sem_wait(&semaphore);
	pthread_cleanup_push(destroy, (void *)1000);
	sem_post((sem_t *)argument);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *posts(void *argument)
{
	sem_post(argument);
	return NULL;
}

int threads(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t ids[THREADS];
	void *result;
	pthread_spin_init(&spinlock, 0);
	pthread_barrier_init(&barrier, NULL, THREADS);
	CHECK(pthread_key_create(&key, destroy) == 0);
	for (long n = 0; n < THREADS; n++)
		CHECK(pthread_create(&ids[n], NULL, counter, (void *)n) == 0);
	for (long n = 0; n < THREADS; n++) {
		CHECK(pthread_join(ids[n], &result) == 0);
		printf("thread %ld: %ld\n", n, (long)result);
	}
	printf("mutex %ld, spinlock %ld, rwlock %ld, atomic %ld, once %ld, destroyed %ld, own %ld\n", under_mutex, under_spinlock,
	       under_rwlock, atomic, once_calls, destroyed, own);

	pthread_create(&ids[0], NULL, producer, NULL);
	pthread_create(&ids[1], NULL, consumer, NULL);
	pthread_create(&ids[2], NULL, producer, NULL);
	pthread_create(&ids[3], NULL, consumer, NULL);
	for (int n = 0; n < 4; n++)
		pthread_join(ids[n], NULL);
	printf("taken %d, left %d\n", taken_sum, filled);

	sem_t ready;
	sem_init(&semaphore, 0, 0);
	sem_init(&ready, 0, 0);
	pthread_create(&ids[0], NULL, waits, &ready);
	sem_post(&semaphore);
	sem_wait(&ready);
	CHECK(pthread_cancel(ids[0]) == 0);
	CHECK(pthread_join(ids[0], &result) == 0);
	printf("cancelled %d, destroyed %ld\n", result == PTHREAD_CANCELED, destroyed);

	struct timespec soon;
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 2000000;
	soon.tv_sec += soon.tv_nsec / 1000000000, soon.tv_nsec %= 1000000000;
	pthread_mutex_lock(&mutex);
	int late = pthread_cond_timedwait(&changed, &mutex, &soon);
	pthread_mutex_unlock(&mutex);
	printf("timed wait: %s\n", late == ETIMEDOUT ? "timed out" : strerror(late));
	CHECK(sem_trywait(&semaphore) == -1 && errno == EAGAIN);

	pthread_attr_t attributes;
	size_t size;
	pthread_attr_init(&attributes);
	CHECK(pthread_attr_setstacksize(&attributes, 1 << 18) == 0 && pthread_attr_getstacksize(&attributes, &size) == 0);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	CHECK(pthread_create(&ids[0], &attributes, posts, &semaphore) == 0);
	sem_wait(&semaphore);
	printf("detached, stack %zu\n", size);
	return 0;
}
