/*
 * Memory while an image is made. Of what the engine allocates then more than half is freed again before it ends, and would
 * leave holes. So the image is made twice: the first time shows which blocks last, in the order in which they are taken,
 * and the second time only those are put into the heap, one behind the other. The engine does the same both times, since it
 * is given blocks of the same sizes.
 */
#include "heap.h"
#include "program.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes; far more than is taken. */
#define ASIDE_SIZE ((size_t)256 * 1024 * 1024)
#define MOST_BLOCKS ((size_t)4 * 1024 * 1024)

/* The blocks that are not put into the heap, one behind the other. */
static char *aside, *aside_top;
static size_t taken;

/* A bit for each block: whether it lasts. */
static uint8_t *lasting;
static bool known;

static void *map(size_t size)
{
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return place == MAP_FAILED ? NULL : place;
}

int prepare_making(int descriptor)
{
    if (!map_heap()) return -1;
    aside = aside_top = map(ASIDE_SIZE);
    lasting = map(MOST_BLOCKS / 8);
    if (aside == NULL || lasting == NULL) return -1;
    size_t size = 0;
    for (;;) {
        ssize_t more = read(descriptor, lasting + size, MOST_BLOCKS / 8 - size);
        if (more < 0 && errno != EINTR) return -1;
        if (more == 0) break;
        if (more > 0) size += (size_t)more;
    }
    known = size > 0;
    return 0;
}

void *take_for_image(size_t size)
{
    size_t number = taken++;
    if (number >= MOST_BLOCKS) return NULL;
    bool lasts = known && (lasting[number / 8] >> number % 8 & 1) != 0;
    char **top = lasts ? &heap.top : &aside_top;
    if (lasts && heap.top == NULL) heap.top = heap.blocks;
    const char *end = lasts ? heap.blocks + sizeof heap.blocks : aside + ASIDE_SIZE;
    if ((size_t)(end - *top) < size) return NULL;
    struct header *header = (struct header *)(void *)*top;
    header->size = size;
    *top += size;
    return header + 1;
}

void free_for_image(void *memory)
{
    header_of(memory)->size |= FREE;
}

/* How many blocks from one place to another are free, or are not. */
static size_t count(char *from, const char *to, bool free)
{
    size_t number = 0;
    for (; from < to; from += block_size(from + sizeof(struct header)))
        number += ((((struct header *)(void *)from)->size & FREE) != 0) == free;
    return number;
}

bool is_made(void)
{
    return known && count(aside, aside_top, false) == 0 && count(heap.blocks, heap.top, true) == 0;
}

bool is_known(void)
{
    return known;
}

size_t lasting_blocks(const uint8_t **bits)
{
    size_t number = 0;
    for (char *at = aside; at < aside_top; number++) {
        char *memory = at + sizeof(struct header);
        if ((header_of(memory)->size & FREE) == 0) lasting[number / 8] |= (uint8_t)(1 << number % 8);
        at += block_size(memory);
    }
    *bits = lasting;
    return (number + 7) / 8;
}
