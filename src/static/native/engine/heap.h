/* The heap of the engine, as memory.c keeps it and image.c writes it down. */
#ifndef REHUP_HEAP_H
#define REHUP_HEAP_H

#include <quickjs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before each block: its size, this included, a multiple of the grain; and whether it is free. */
struct header {
    uint64_t size;
};

#define FREE 1

/* Bytes. No type of the engine needs more for its alignment. */
#define GRAIN 8
/* Below this there is a list for each size. */
#define LEAST_LARGE 1024
#define SMALL_LISTS (LEAST_LARGE / GRAIN)
/* From here on up to the largest block of a piece the lists are for powers of two, and their halves beyond. */
#define LARGEST_BLOCK (32 * 1024)
#define LARGE_LISTS 11

/* At least twice what the program takes when it is loaded. */
#define FIRST_PIECE (2 * 1024 * 1024)
#define NEXT_PIECE (128 * 1024)
#define PAGE 4096

struct free_block {
    struct free_block *next;
};

/* The smallest block: when it is free it must hold its place in a list. */
#define LEAST_BLOCK (sizeof(struct header) + sizeof(struct free_block))

/*
 * The heap is mapped here: above what a static executable has at fixed addresses and the gigabyte in which Linux begins
 * its break (arch_randomize_brk), below what address sanitizers keep for themselves, and in reach of qemu-user's guests.
 */
#define HEAP_PLACE 0x60000000

struct heap {
    /* Free blocks of one size each. */
    struct free_block *small_lists[SMALL_LISTS];
    /* Free blocks of a size at least. */
    struct free_block *large_lists[LARGE_LISTS];
    /* Free blocks of a page or more, to be cut. */
    struct free_block *gaps;
    /* What is cut now. */
    char *piece;
    size_t left;
    /* Of the first piece nothing was given from here on. */
    char *top;
    JSContext *ctx;
    _Alignas(GRAIN) char blocks[FIRST_PIECE];
};

/* Not a variable: a kernel that has no room for one ends the program before its first instruction, without a word. */
#define heap (*(struct heap *)HEAP_PLACE)

static inline size_t round_up(size_t size, size_t grain)
{
    return (size + grain - 1) & ~(grain - 1);
}

/* Of what was given, or of what lies behind a header. */
static inline struct header *header_of(void *memory)
{
    return (struct header *)memory - 1;
}

static inline size_t block_size(const void *memory)
{
    return ((const struct header *)memory)[-1].size & ~(uint64_t)FREE;
}

/* Maps the heap; false if there is no room. */
bool map_heap(void);

/* making.c: a block of that size, and its end. NULL if there is no room. */
void *take_for_image(size_t size);
void free_for_image(void *memory);

/* making.c: whether it is known which blocks last; and whether these, and no others, are left. */
bool is_known(void);
bool is_made(void);

/* making.c: which blocks have lasted up to now, a bit for each; how many bytes that are. */
size_t lasting_blocks(const uint8_t **bits);

#endif
