#include "sha256.h"

#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

/* FIPS 180-4, 4.2.2. */
static const uint32_t CONSTANTS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int count)
{
    return word >> count | word << (32 - count);
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* FIPS 180-4, 6.2.2. The schedule is kept in a ring of 16 words. */
static void add_block_plainly(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        if (t < 16) {
            w[t] = big_endian(block + 4 * t);
        } else {
            uint32_t early = w[(t + 1) & 15], late = w[(t + 14) & 15];
            w[t & 15] += (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + w[(t + 9) & 15] +
                         (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
        }
        uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                         CONSTANTS[t] + w[t & 15];
        uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first;
        d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

#ifdef __x86_64__

/* Whether the processor has the instructions below, SSSE3 and SSE4.1 included. */
static int has_instructions(void)
{
    static int has = -1;
    unsigned a, b, c, d;
    if (has >= 0) return has;
    has = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
          (b & bit_SHA);
    return has;
}

static __m128i load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* The same by the instructions for it: four rounds at a time, ten times as fast. They want the state as ABEF and CDGH. */
__attribute__((target("sha,sse4.1"))) static void add_block_by_instructions(uint32_t state[8], const uint8_t *block)
{
    const __m128i big_endian_words = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i dcba = _mm_shuffle_epi32(load(state), 0xb1), hgfe = _mm_shuffle_epi32(load(state + 4), 0x1b);
    __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int part = 0; part < 4; part++) w[part] = _mm_shuffle_epi8(load(block + 16 * part), big_endian_words);
    for (int t = 0; t < 16; t++) {
        __m128i sum = _mm_add_epi32(w[t & 3], load(CONSTANTS + 4 * t));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        __m128i late = w[(t + 3) & 3];
        __m128i early = _mm_add_epi32(_mm_sha256msg1_epu32(w[t & 3], w[(t + 1) & 3]),
                                      _mm_alignr_epi8(late, w[(t + 2) & 3], 4));
        w[t & 3] = _mm_sha256msg2_epu32(early, late);
    }
    abef = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1b);
    cdgh = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(abef, cdgh, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(cdgh, abef, 8));
}

#endif

static void add_block(uint32_t state[8], const uint8_t *block)
{
#ifdef __x86_64__
    if (has_instructions()) {
        add_block_by_instructions(state, block);
        return;
    }
#endif
    add_block_plainly(state, block);
}

void sha256_begin(struct sha256 *hash)
{
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(hash->state, initial, sizeof initial);
    hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    size_t filled = hash->length % SHA256_BLOCK;
    hash->length += length;
    if (filled > 0) {
        size_t wanted = SHA256_BLOCK - filled;
        size_t taken = length < wanted ? length : wanted;
        memcpy(hash->block + filled, bytes, taken);
        if (taken < wanted) return;
        add_block(hash->state, hash->block);
        bytes += taken, length -= taken;
    }
    for (; length >= SHA256_BLOCK; bytes += SHA256_BLOCK, length -= SHA256_BLOCK) add_block(hash->state, bytes);
    if (length > 0) memcpy(hash->block, bytes, length);
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE])
{
    static const uint8_t padding[SHA256_BLOCK] = { 0x80 };
    uint64_t bits = hash->length * 8;
    uint8_t length[8];
    for (int index = 0; index < 8; index++) length[index] = (uint8_t)(bits >> (56 - 8 * index));
    sha256_add(hash, padding, 1 + (SHA256_BLOCK + 55 - hash->length % SHA256_BLOCK) % SHA256_BLOCK);
    sha256_add(hash, length, sizeof length);
    for (int index = 0; index < SHA256_SIZE; index++)
        digest[index] = (uint8_t)(hash->state[index / 4] >> (24 - 8 * (index % 4)));
}
