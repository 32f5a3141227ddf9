/* LZ4's block format (lz4_Block_format.md of its project): runs of literal bytes and copies of what came before. */
#include "program.h"

#include <stdbool.h>
#include <string.h>

/* The shortest copy. */
#define LEAST_COPY 4

/* What is copied at once, up to which more than was asked for may be written. */
#define WORD 8

/* The length in a token from which on more of it follows. */
#define LONG 15

/* What is enough, of input and of room, for literal bytes and a copy that are both shorter than that. */
#define AMPLE (8 * WORD)

/* A length whose first four bits are in the token and whose rest follows, in bytes that go on while they are 255. */
static size_t length_of(size_t length, const uint8_t **from, const uint8_t *end)
{
    if (length < LONG) return length;
    uint8_t more = 255;
    while (more == 255 && *from < end) {
        more = *(*from)++;
        length += more;
    }
    return length;
}

/* What lies behind in the output is still to be made, so that it may be written over. */
static void copy(uint8_t *to, const uint8_t *from, size_t length)
{
    for (size_t at = 0; at < length; at += WORD) memcpy(to + at, from + at, WORD);
}

/* The same, where the two overlap. */
static void repeat(uint8_t *to, const uint8_t *from, size_t length)
{
    if (to - from == 1) memset(to, *from, length);
    else
        for (size_t at = 0; at < length; at++) to[at] = from[at];
}

ptrdiff_t unpack(uint8_t *to, size_t room, const uint8_t *from, size_t size)
{
    const uint8_t *end = from + size;
    size_t made = 0;
    while (from < end) {
        uint8_t token = *from++;
        size_t length = token >> 4;
        bool ample = end - from >= AMPLE && room - made >= AMPLE;
        if (ample && length < LONG) {
            memcpy(to + made, from, 2 * WORD);
            made += length;
            from += length;
        } else {
            length = length_of(length, &from, end);
            if (length > (size_t)(end - from) || length > room - made) return -1;
            if (length + WORD <= (size_t)(end - from) && length + WORD <= room - made) copy(to + made, from, length);
            else memcpy(to + made, from, length);
            made += length;
            from += length;
            /* The last run has no copy behind it. */
            if (from == end) return (ptrdiff_t)made;
            if (end - from < 2) return -1;
            ample = false;
        }
        size_t distance = (size_t)(from[0] | from[1] << 8);
        from += 2;
        length = token & 15;
        if (ample && length < LONG && distance >= WORD && distance <= made) {
            copy(to + made, to + made - distance, 3 * WORD);
            made += length + LEAST_COPY;
            continue;
        }
        length = length_of(length, &from, end) + LEAST_COPY;
        if (distance == 0 || distance > made || length > room - made) return -1;
        const uint8_t *source = to + made - distance;
        if (distance >= WORD && length + WORD <= room - made) copy(to + made, source, length);
        else repeat(to + made, source, length);
        made += length;
    }
    return -1;
}
