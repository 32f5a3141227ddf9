/*
 * Memory for the engine. The C library's allocator maps and unmaps a hundred times while the bytecode is loaded, which
 * costs more than loading it. Here blocks of a few sizes are cut from large pieces, and a freed one is kept for the next
 * of its size; what is larger than a piece could well hold is mapped and unmapped by itself.
 */
#include "host.h"

#include <string.h>
#include <sys/mman.h>

/* Before each block: its size, this included. Blocks are multiples of 16 bytes, 8 off, so that what is given is aligned. */
struct header {
    uint64_t size;
};

#define GRAIN 16
/* Of the first block in what is mapped. */
#define OFFSET (GRAIN - sizeof(struct header))
/* Up to here there is a list for each size. */
#define LARGEST_SMALL 1024
#define SMALL_LISTS (LARGEST_SMALL / GRAIN + 1)
/* From here on up to the largest block of a piece the sizes are powers of two, and their halves beyond. */
#define LARGEST_BLOCK (32 * 1024)
#define LARGE_LISTS 10

/* What the bytecode needs until it supervises, in one piece whose pages are there at once: faults cost more. */
#define FIRST_PIECE (640 * 1024)
#define NEXT_PIECE (128 * 1024)

struct free_block {
    struct free_block *next;
};

static struct free_block *small_lists[SMALL_LISTS];
static struct free_block *large_lists[LARGE_LISTS];
static char *piece;
static size_t left;

static size_t round_up(size_t size, size_t grain)
{
    return (size + grain - 1) & ~(grain - 1);
}

/* The list for a block of at least this size, which becomes the size of its blocks; NULL if it is too large. */
static struct free_block **list_for(size_t *size)
{
    if (*size <= LARGEST_SMALL) {
        *size = round_up(*size, GRAIN);
        return &small_lists[*size / GRAIN];
    }
    size_t bound = LARGEST_SMALL + LARGEST_SMALL / 2;
    for (int index = 0; bound <= LARGEST_BLOCK; index++) {
        if (*size <= bound) {
            *size = bound;
            return &large_lists[index];
        }
        bound = index % 2 == 0 ? bound / 3 * 4 : bound / 2 * 3;
    }
    return NULL;
}

static char *map(size_t size, int flags)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void *give(char *block, size_t size)
{
    ((struct header *)(void *)block)->size = size;
    return block + sizeof(struct header);
}

static size_t block_size(const void *memory)
{
    return ((const struct header *)memory)[-1].size;
}

/* A block from the present piece, or from a new one; what was left of the old is lost, less than a block. */
static void *cut(size_t size)
{
    if (left < size) {
        size_t length = piece == NULL ? FIRST_PIECE : NEXT_PIECE;
        char *fresh = map(length, piece == NULL ? MAP_POPULATE : 0);
        if (fresh == NULL) return NULL;
        piece = fresh + OFFSET;
        left = length - OFFSET;
    }
    char *block = piece;
    piece += size;
    left -= size;
    return give(block, size);
}

static void *take(size_t wanted)
{
    size_t size = wanted + sizeof(struct header);
    struct free_block **list = list_for(&size);
    if (list == NULL) {
        size = round_up(wanted + GRAIN, 4096);
        char *block = map(size, 0);
        return block == NULL ? NULL : give(block + OFFSET, size - OFFSET);
    }
    struct free_block *block = *list;
    if (block == NULL) return cut(size);
    *list = block->next;
    return block;
}

static void put_back(void *memory)
{
    size_t size = block_size(memory);
    struct free_block **list = list_for(&size);
    if (list == NULL) {
        munmap((char *)memory - GRAIN, size + OFFSET);
        return;
    }
    struct free_block *block = memory;
    block->next = *list;
    *list = block;
}

static size_t usable_size(const void *memory)
{
    return memory == NULL ? 0 : block_size(memory) - sizeof(struct header);
}

static void *engine_malloc(JSMallocState *state, size_t size)
{
    void *memory = take(size);
    if (memory == NULL) return NULL;
    state->malloc_count++;
    state->malloc_size += block_size(memory);
    return memory;
}

static void engine_free(JSMallocState *state, void *memory)
{
    if (memory == NULL) return;
    state->malloc_count--;
    state->malloc_size -= block_size(memory);
    put_back(memory);
}

static void *engine_realloc(JSMallocState *state, void *memory, size_t size)
{
    if (memory == NULL) return size == 0 ? NULL : engine_malloc(state, size);
    if (size == 0) {
        engine_free(state, memory);
        return NULL;
    }
    size_t before = usable_size(memory);
    if (size <= before && size >= before / 2) return memory;
    void *moved = engine_malloc(state, size);
    if (moved == NULL) return NULL;
    memcpy(moved, memory, size < before ? size : before);
    engine_free(state, memory);
    return moved;
}

const JSMallocFunctions engine_memory = { engine_malloc, engine_free, engine_realloc, usable_size };
