/*
 * Memory for the engine. The C library's allocator maps and unmaps a hundred times while the bytecode is loaded, which
 * costs more than loading it. Here blocks are cut from large pieces, and a freed one is kept for the next of its size; what
 * is larger than a piece could well hold is mapped and unmapped by itself.
 *
 * The first piece has a fixed place and begins with what the allocator itself knows. An image of it (making.c) holds all
 * that the engine has. Its blocks lie one behind the other, so that those that are free can be found and put together when
 * the start is over.
 */
#include "../host.h"
#include "heap.h"
#include "program.h"

#include <string.h>
#include <sys/mman.h>

/* The number of the first list whose blocks have at least this size, and that size; -1 if there is none. */
static int large_list(size_t wanted, size_t *size)
{
    *size = LEAST_LARGE;
    for (int index = 0; index < LARGE_LISTS; index++) {
        if (wanted <= *size) return index;
        *size = index % 2 == 0 ? *size / 2 * 3 : *size / 3 * 4;
    }
    return -1;
}

static char *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool mapped;

/* A kernel before 4.17 takes the place for a wish. */
bool map_heap(void)
{
    if (!mapped)
        mapped = mmap((void *)HEAP_PLACE, sizeof heap, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)HEAP_PLACE;
    return mapped;
}

static void *give(char *block, size_t size)
{
    struct header *header = (struct header *)(void *)block;
    header->size = size;
    return header + 1;
}

/* The list to which a block of this size belongs. */
static struct free_block **list_to_keep(size_t size)
{
    size_t least;
    if (size < LEAST_LARGE) return &heap.small_lists[size / GRAIN];
    int index = large_list(size, &least);
    return &heap.large_lists[least == size ? index : index - 1];
}

static bool in_first_piece(const void *memory)
{
    return (const char *)memory >= heap.blocks && (const char *)memory < heap.blocks + sizeof heap.blocks;
}

static void add(struct free_block **list, void *memory)
{
    struct free_block *block = memory;
    header_of(block)->size |= FREE;
    block->next = *list;
    *list = block;
}

/* Keeps the free blocks from one place to another: as one, if that is a page or more. */
static void keep(char *from, char *to)
{
    size_t size = (size_t)(to - from);
    if (size >= PAGE) {
        add(&heap.gaps, give(from, size));
        return;
    }
    for (; from < to; from += size) {
        void *memory = from + sizeof(struct header);
        size = block_size(memory);
        if (size >= LEAST_BLOCK) add(list_to_keep(size), memory);
        else header_of(memory)->size |= FREE;
    }
}

/* Keeps what is left of the present piece. */
static void leave_piece(void)
{
    if (heap.left > 0) {
        give(heap.piece, heap.left);
        keep(heap.piece, heap.piece + heap.left);
    }
    heap.left = 0;
}

/* Makes a gap that is large enough the present piece. */
static bool enter_gap(size_t size)
{
    for (struct free_block **gap = &heap.gaps; *gap != NULL; gap = &(*gap)->next) {
        struct free_block *found = *gap;
        if (block_size(found) < size) continue;
        *gap = found->next;
        leave_piece();
        heap.left = block_size(found);
        heap.piece = (char *)header_of(found);
        return true;
    }
    return false;
}

/* A block from the present piece, from a gap, from what was not touched yet, or from a new piece. */
static void *cut(size_t size)
{
    if (heap.top == NULL) heap.top = heap.blocks;
    if (heap.left < size && !enter_gap(size)) {
        size_t untouched = (size_t)(heap.blocks + sizeof heap.blocks - heap.top);
        if (untouched >= size) {
            char *block = heap.top;
            heap.top += size;
            return give(block, size);
        }
        char *fresh = map(NEXT_PIECE);
        if (fresh == NULL) return NULL;
        leave_piece();
        heap.piece = fresh;
        heap.left = NEXT_PIECE;
    }
    char *block = heap.piece;
    heap.piece += size;
    heap.left -= size;
    return give(block, size);
}

static void *take(size_t wanted)
{
    size_t size = round_up(wanted + sizeof(struct header), GRAIN);
    if (size < LEAST_BLOCK) size = LEAST_BLOCK;
    if (program_kind == PROGRAM_TO_IMAGE) return take_for_image(size);
    if (!map_heap()) return NULL;
    if (size > LARGEST_BLOCK) {
        size = round_up(size, PAGE);
        char *block = map(size);
        return block == NULL ? NULL : give(block, size);
    }
    struct free_block **list;
    if (size < LEAST_LARGE) {
        list = &heap.small_lists[size / GRAIN];
    } else {
        size_t least;
        list = &heap.large_lists[large_list(size, &least)];
        /* So that it serves all who look there when it is free. */
        size = least;
    }
    struct free_block *block = *list;
    if (block == NULL) return cut(size);
    *list = block->next;
    header_of(block)->size &= ~(uint64_t)FREE;
    return block;
}

static void put_back(void *memory)
{
    size_t size = block_size(memory);
    if (program_kind == PROGRAM_TO_IMAGE) free_for_image(memory);
    else if (size <= LARGEST_BLOCK) add(list_to_keep(size), memory);
    else if (in_first_piece(memory)) add(&heap.gaps, memory);
    else munmap(header_of(memory), size);
}

/* Takes what lies in the first piece off a list. */
static void leave_others(struct free_block **list)
{
    while (*list != NULL) {
        if (in_first_piece(*list)) *list = (*list)->next;
        else list = &(*list)->next;
    }
}

/* Puts together what is free in the first piece. */
static void gather(void)
{
    if (in_first_piece(heap.piece)) leave_piece();
    for (int index = 0; index < SMALL_LISTS; index++) leave_others(&heap.small_lists[index]);
    for (int index = 0; index < LARGE_LISTS; index++) leave_others(&heap.large_lists[index]);
    leave_others(&heap.gaps);
    char *begin = NULL;
    for (char *at = heap.blocks; at < heap.top;) {
        void *memory = at + sizeof(struct header);
        bool free = (header_of(memory)->size & FREE) != 0;
        if (!free && begin != NULL) keep(begin, at);
        if (!free) begin = NULL;
        else if (begin == NULL) begin = at;
        at += block_size(memory);
    }
    if (begin != NULL) heap.top = begin;
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
    /* An image holds no more than it has to. */
    size_t spare = program_kind == PROGRAM_TO_IMAGE ? LEAST_BLOCK : before / 2;
    if (size <= before && before - size <= spare) return memory;
    void *moved = engine_malloc(state, size);
    memcpy(moved, memory, size < before ? size : before);
    engine_free(state, memory);
    return moved;
}

const JSMallocFunctions engine_memory = { engine_malloc, engine_free, engine_realloc, usable_size };

/* Has the kernel take back the whole pages from one place to another; they are there anew, as they were mapped, when they are used. */
static void forget(const void *from, const void *to)
{
    uintptr_t begin = round_up((uintptr_t)from, PAGE), end = (uintptr_t)to & ~(uintptr_t)(PAGE - 1);
    if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

void give_back_memory(JSContext *ctx)
{
    JS_RunGC(JS_GetRuntime(ctx));
    /* Not so where a sanitizer looks after the memory. */
    if (!mapped) return;
    gather();
    for (struct free_block *gap = heap.gaps; gap != NULL; gap = gap->next)
        forget(gap + 1, (char *)header_of(gap) + block_size(gap));
    forget(heap.top, &heap + 1);
    /* Was unpacked, and stays in the page cache. */
    forget(rehup_program, rehup_program_end);
}
