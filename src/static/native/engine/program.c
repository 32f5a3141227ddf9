/*
 * The program, put here by the assembler from the file that the build names. It has a section that lies by itself
 * (scripts/build/static.ts), so that all else has the same addresses whatever it holds. Its labels are global, because the
 * linker for arm64 can't tell two local ones of a section apart where they are reached through a table.
 */
#include "program.h"

const enum program_kind program_kind = REHUP_PROGRAM_KIND;
const size_t image_size = REHUP_IMAGE_SIZE;

__asm__(".section .rehup_program,\"a\",%progbits\n"
        ".balign 16\n"
        ".global rehup_program, rehup_program_end\n"
        "rehup_program: .incbin \"" REHUP_PROGRAM "\"\n"
        "rehup_program_end: .byte 0\n"
        ".previous\n");

#ifdef REHUP_CODE
#define INCLUDED ".incbin \"" REHUP_CODE "\"\n"
#else
#define INCLUDED
#endif

__asm__(".section .rehup_code,\"a\",%progbits\n"
        ".global rehup_code\n"
        "rehup_code: " INCLUDED "\n"
        ".previous\n");
