/* SPDX-License-Identifier: BSD-2-Clause */
/* A fuzz target without libFuzzer: goes through the files named. */
#include "fuzz.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		static uint8_t bytes[1 << 20];
		FILE *file = fopen(argv[i], "rb");
		uint8_t *exact;
		size_t size;

		if (!file) {
			perror(argv[i]);
			return 1;
		}
		size = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		/* In memory of just that size, whose end the sanitizers watch. */
		exact = malloc(size ? size : 1);
		if (!exact)
			return 1;
		memcpy(exact, bytes, size);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
