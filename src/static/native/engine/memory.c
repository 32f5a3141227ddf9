/*
 * Memory for the engine. The C library's allocator maps and unmaps a hundred times while the bytecode is loaded, which
 * costs more than loading it. Here blocks of a few sizes are cut from large pieces, and a freed one is kept for the next
 * of its size; what is larger than a piece could well hold is mapped and unmapped by itself.
 *
 * The first piece has a fixed place and begins with what the allocator itself knows. While an image of it is made nothing
 * is taken from elsewhere, so that it holds all that the engine has.
 */
#include "../host.h"
#include "program.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* At least twice what the program takes when it is loaded. */
#define FIRST_PIECE (2 * 1024 * 1024)
#define NEXT_PIECE (128 * 1024)
#define PAGE 4096

/* What is allocated until the child is started. */
#define LIKELY_MORE (64 * 1024)

/* Of Linux 5.14, which musl does not know yet. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

struct free_block {
    struct free_block *next;
};

/*
 * The heap is mapped here: above what a static executable has at fixed addresses and the gigabyte in which Linux begins
 * its break (arch_randomize_brk), below what address sanitizers keep for themselves, and in reach of qemu-user's guests.
 */
#define HEAP_PLACE 0x60000000

struct heap {
    struct free_block *small_lists[SMALL_LISTS];
    struct free_block *large_lists[LARGE_LISTS];
    char *piece;
    size_t left;
    JSContext *ctx;
    _Alignas(GRAIN) char blocks[FIRST_PIECE];
};

/* Not a variable: a kernel that has no room for one ends the program before its first instruction, without a word. */
#define heap (*(struct heap *)HEAP_PLACE)

static size_t round_up(size_t size, size_t grain)
{
    return (size + grain - 1) & ~(grain - 1);
}

/* The list for a block of at least this size, which becomes the size of its blocks; NULL if it is too large. */
static struct free_block **list_for(size_t *size)
{
    if (*size <= LARGEST_SMALL) {
        *size = round_up(*size, GRAIN);
        return &heap.small_lists[*size / GRAIN];
    }
    size_t bound = LARGEST_SMALL + LARGEST_SMALL / 2;
    for (int index = 0; bound <= LARGEST_BLOCK; index++) {
        if (*size <= bound) {
            *size = bound;
            return &heap.large_lists[index];
        }
        bound = index % 2 == 0 ? bound / 3 * 4 : bound / 2 * 3;
    }
    return NULL;
}

static char *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Maps the heap; false if there is no room. A kernel before 4.17 takes the place for a wish. */
static bool map_heap(void)
{
    static bool mapped;
    if (!mapped)
        mapped = mmap((void *)HEAP_PLACE, sizeof heap, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)HEAP_PLACE;
    return mapped;
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
    if (heap.piece == NULL) {
        heap.piece = heap.blocks + OFFSET;
        heap.left = sizeof heap.blocks - OFFSET;
    }
    if (heap.left < size) {
        char *fresh = program_kind == PROGRAM_TO_IMAGE ? NULL : map(NEXT_PIECE);
        if (fresh == NULL) return NULL;
        heap.piece = fresh + OFFSET;
        heap.left = NEXT_PIECE - OFFSET;
    }
    char *block = heap.piece;
    heap.piece += size;
    heap.left -= size;
    return give(block, size);
}

static void *take(size_t wanted)
{
    size_t size = wanted + sizeof(struct header);
    if (!map_heap()) return NULL;
    struct free_block **list = list_for(&size);
    if (list == NULL) {
        if (program_kind == PROGRAM_TO_IMAGE) return cut(round_up(size, GRAIN));
        size = round_up(wanted + GRAIN, PAGE);
        char *block = map(size);
        return block == NULL ? NULL : give(block + OFFSET, size - OFFSET);
    }
    struct free_block *block = *list;
    if (block == NULL) return cut(size);
    *list = block->next;
    return block;
}

static bool in_first_piece(const void *memory)
{
    return (const char *)memory >= heap.blocks && (const char *)memory < heap.blocks + sizeof heap.blocks;
}

static void put_back(void *memory)
{
    size_t size = block_size(memory);
    struct free_block **list = list_for(&size);
    if (list == NULL) {
        /* One that was made with the image is lost. */
        if (!in_first_piece(memory)) munmap((char *)memory - GRAIN, size + OFFSET);
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
    if (memory == NULL) fail(OUT_OF_MEMORY);
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
    memcpy(moved, memory, size < before ? size : before);
    engine_free(state, memory);
    return moved;
}

const JSMallocFunctions engine_memory = { engine_malloc, engine_free, engine_realloc, usable_size };

/* Addresses of the stack, which are others in each run and of no use in the next, become zero. */
static void forget_stack(size_t size)
{
    const uintptr_t span = 1024 * 1024;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    for (size_t at = 0; at < size; at += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, (char *)&heap + at, sizeof word);
        if (word - (here - span) < 2 * span) memset((char *)&heap + at, 0, sizeof word);
    }
}

int write_image(JSContext *ctx, int descriptor)
{
    heap.ctx = ctx;
    size_t size = round_up((size_t)(heap.piece - (char *)&heap), GRAIN);
    forget_stack(size);
    for (size_t written = 0; written < size;) {
        ssize_t more = write(descriptor, (char *)&heap + written, size - written);
        if (more < 0 && errno != EINTR) return -1;
        if (more > 0) written += (size_t)more;
    }
    return 0;
}

JSContext *read_image(void)
{
    if (!map_heap()) return NULL;
    /* Its pages are there at once, since faults cost more. A kernel before 5.14 can't do that, and they come one by one. */
    madvise(&heap, round_up(image_size + LIKELY_MORE, PAGE), MADV_POPULATE_WRITE);
    size_t size = (size_t)(rehup_program_end - rehup_program);
    if (unpack((uint8_t *)&heap, sizeof heap, rehup_program, size) != (ptrdiff_t)image_size) return NULL;
    JS_UpdateStackTop(JS_GetRuntime(heap.ctx));
    return heap.ctx;
}
