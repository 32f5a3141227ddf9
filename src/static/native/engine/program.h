/*
 * What the executable runs. Loading bytecode and running it up to its `main` takes longer than all that follows, so it is
 * done when the executable is built: one that holds the bytecode writes an image of the engine's memory, and one that is
 * linked of the same parts begins with that. An image holds addresses of functions, hence the same parts, and a fixed
 * place for the memory. The code of the program, which nothing ever writes to, lies beside it: it is mapped with the
 * executable, neither packed nor in memory of this process alone.
 */
#ifndef REHUP_PROGRAM_H
#define REHUP_PROGRAM_H

#include <quickjs.h>
#include <stddef.h>
#include <stdint.h>

enum program_kind {
    PROGRAM_BYTECODE, /* to be run */
    PROGRAM_TO_IMAGE, /* bytecode of which an image is to be made */
    PROGRAM_IMAGE,    /* an image, as a block of LZ4 */
};
extern const enum program_kind program_kind;
extern const uint8_t rehup_program[], rehup_program_end[];

/* The code that an image refers to. */
extern const uint8_t rehup_code[];

/* The bytes that the image takes when it is unpacked; 0 if there is none. */
extern const size_t image_size;

/* The engine's (scripts/build/patches.ts): gives room to the code of the functions that are read, if it is set; NULL if it has none. */
extern uint8_t *(*room_for_code)(size_t size);

/* image.c: has code lie where the executable that is to hold the image has it; -1 and errno on failure. */
int part_code(void);

/*
 * making.c: for a program that makes an image of itself, before it takes any memory. From the descriptor is read what it
 * wrote when it ran before; nothing, when this is the first time. -1 and errno on failure.
 */
int prepare_making(int descriptor);

/*
 * image.c: the first time (making.c) writes what is to be read the second time; then the size of the image of all that the
 * engine has, the image, and the code. -1 and errno on failure.
 */
int write_image(JSContext *ctx, int descriptor);

/* image.c: brings the image back, and the context in it; NULL if it is none. */
JSContext *read_image(void);

/*
 * memory.c: frees what nothing refers to any more, and gives the kernel the pages of which all is free. Takes half a
 * millisecond, and is worth it once, when the start is over.
 */
void give_back_memory(JSContext *ctx);

/* unpack.c: takes a block of LZ4 apart; how much it became, or -1 if it is none or needs more room. */
ptrdiff_t unpack(uint8_t *to, size_t room, const uint8_t *from, size_t size);

#endif
