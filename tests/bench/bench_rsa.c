/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_rsa.c - CPU time of one RSA-2048 signature while every core signs.
 *
 * What a delivery is compared with: EVP_PKEY_sign() with everything set up,
 * one process per core, because cores that share a cache, a power budget or
 * a hypervisor's time are slower together than one alone.  Prints the mean,
 * "N.NN us", after BENCH_SECONDS (default 2).
 */
#include "config.h"

#include <sys/wait.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "lib/dkim_key.h"
#include "lib/dkim_key_private.h"
#include "lib/err.h"

#define CORES_MAX	256
#define A_TURN		16	/* signatures between looks at the clock */

static void
need(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench_rsa: %s failed\n", what);
		exit(1);
	}
}

static double
now_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Sign until it is time; CPU microseconds per signature. */
static double
sign_for(const struct dkim_key *key, double seconds)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(dkim_key_evp(key), NULL);
	double end = now_s(CLOCK_MONOTONIC) + seconds, cpu;
	uint8_t hash[32], sig[DKIM_RSA_MAX / 8];
	unsigned long n = 0;

	need(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1, "set up");
	memset(hash, 0x5a, sizeof(hash));
	cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
	while (now_s(CLOCK_MONOTONIC) < end)
		for (int i = 0; i < A_TURN; i++, n++) {
			size_t len = sizeof(sig);

			need(EVP_PKEY_sign(ctx, sig, &len, hash,
			    sizeof(hash)) == 1, "sign");
		}
	cpu = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	EVP_PKEY_CTX_free(ctx);
	return cpu / (double)n * 1e6;
}

int
main(void)
{
	const char *env = getenv("BENCH_SECONDS");
	double seconds = env != NULL ? strtod(env, NULL) : 2, sum = 0, one;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct dkim_key *key = dkim_key_generate(DKIM_KEY_RSA, 2048, NULL);
	int fds[2], status;

	cores = cores < 1 ? 1 : cores > CORES_MAX ? CORES_MAX : cores;
	need(key != NULL && pipe(fds) == 0, "start");
	for (long i = 0; i < cores; i++) {
		pid_t pid = fork();

		need(pid != -1, "fork");
		if (pid == 0) {
			one = sign_for(key, seconds);
			need(write(fds[1], &one, sizeof(one)) == sizeof(one),
			    "write");
			_exit(0);
		}
	}
	for (long i = 0; i < cores; i++) {
		need(read(fds[0], &one, sizeof(one)) == sizeof(one), "read");
		sum += one;
	}
	while (wait(&status) > 0)
		need(status == 0, "a signer");
	printf("%.2f us\n", sum / (double)cores);
	dkim_key_free(key);
	return 0;
}
