/* Compares the two ways in which sha256.c takes a block: prints `same`, `different`, or `none` where there is only one. */
#include "../../../src/static/native/digests/sha256.c"

#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 10000

int main(void)
{
#ifdef __x86_64__
    uint8_t block[SHA256_BLOCK];
    uint32_t plain[8] = { 0 }, other[8] = { 0 };
    if (has_instructions()) {
        for (int count = 0; count < BLOCKS; count++) {
            for (int at = 0; at < SHA256_BLOCK; at++) block[at] = (uint8_t)(rand() >> 7);
            add_block_plainly(plain, block);
            add_block_by_instructions(other, block);
        }
        puts(memcmp(plain, other, sizeof plain) == 0 ? "same" : "different");
        return 0;
    }
#endif
    puts("none");
    return 0;
}
