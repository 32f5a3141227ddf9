/** The C compilers that the static executable is made with, and how they are called. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { digest, ROOT } from './product.ts';

const run = promisify(execFile);

/** A C compiler with what it needs to be told. */
export interface Toolchain {
  readonly compiler: string;
  /** For all files. */
  readonly flags: readonly string[];
  /** For the host's own files besides. */
  readonly hostFlags: readonly string[];
  readonly linkFlags: readonly string[];
  /** C files beside those of the host. */
  readonly extra: readonly string[];
  /**
   * Whether what it makes begins with an image of the loaded program (program.h) instead of its bytecode: where it runs on
   * this machine, and no address depends on the processor, as that of a function of glibc may.
   */
  readonly image: boolean;
  /** The Debian packages that bring it. */
  readonly packages: string;
}

/** main.c stands before this function of the C library. */
const WRAP = '-Wl,--wrap=gettimeofday';

const SMALL: Omit<Toolchain, 'compiler' | 'packages'> = {
  flags: ['-Os', '-ffunction-sections', '-fdata-sections', '-fno-asynchronous-unwind-tables'],
  hostFlags: ['-fstack-protector-strong'],
  linkFlags: [
    '-static',
    '-s',
    '-Wl,--gc-sections',
    '-Wl,--build-id=none',
    '-Wl,-z,noexecstack,-z,relro,-z,now',
    WRAP,
    // Far from all else, whose addresses are the same then whatever the program is.
    '-Wl,--section-start=.rehup_program=0x10000000',
  ],
  extra: [],
  image: false,
};

export const MUSL: Toolchain = { ...SMALL, compiler: 'musl-gcc', packages: 'musl-tools gcc', image: true };
export const GLIBC: Toolchain = { ...SMALL, compiler: 'gcc', packages: 'musl-tools gcc' };
export const ARM64: Toolchain = {
  ...SMALL,
  compiler: 'aarch64-linux-gnu-gcc',
  packages: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
};
export const ASAN: Toolchain = {
  compiler: 'gcc',
  flags: ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address'],
  // The engine's own code is not free of what UBSAN reports.
  hostFlags: ['-fsanitize=undefined', '-fno-sanitize-recover=undefined'],
  linkFlags: ['-fsanitize=address,undefined', WRAP],
  extra: [path.join(ROOT, 'test/static/asan.c')],
  image: false,
  packages: 'gcc libc6-dev',
};

export const FUZZ: Toolchain = {
  compiler: 'clang',
  flags: ['-O1', '-g'],
  hostFlags: ['-fsanitize=fuzzer-no-link,address,undefined', '-fno-sanitize-recover=undefined'],
  linkFlags: ['-fsanitize=fuzzer,address,undefined'],
  extra: [],
  image: false,
  packages: 'clang libclang-rt-dev libc6-dev',
};

export interface Found {
  readonly toolchain: Toolchain;
  /** What tells one release of compiler and C library from another. */
  readonly version: string;
}

/** The first of these that this machine has, with a C library. */
export async function firstThere(toolchains: readonly Toolchain[]): Promise<Found | undefined> {
  for (const toolchain of toolchains) {
    try {
      const { stdout } = await run(toolchain.compiler, ['--version']);
      const { stdout: library } = await run(toolchain.compiler, ['-print-file-name=libc.a']);
      // A compiler without a C library gives the name back as it is.
      if (!existsSync(library.trim())) continue;
      return { toolchain, version: `${stdout}${digest(await readFile(library.trim()))}` };
    } catch {
      // Not there, or a wrapper of a compiler that is not there.
    }
  }
  return undefined;
}

/** How the host's own files are compiled; a test holds them to be free of warnings. */
export const HOST_STANDARD: readonly string[] = ['-std=c11', '-D_GNU_SOURCE'];

export function hostFlags({ flags, hostFlags }: Toolchain, engine: string): readonly string[] {
  return [...HOST_STANDARD, ...flags, ...hostFlags, '-isystem', engine];
}

/** Hot enough that its speed is worth its size. */
const FAST = ['sha256.c', 'unpack.c'];

/** Compiles each file to an object of its name in a folder. */
export async function compileAll(
  { compiler }: Toolchain,
  sources: readonly string[],
  folder: string,
  flags: readonly string[],
): Promise<readonly string[]> {
  return Promise.all(
    sources.map(async (source) => {
      const object = path.join(folder, `${path.basename(source, '.c')}.o`);
      const more = FAST.includes(path.basename(source)) ? ['-O3'] : [];
      await run(compiler, [...flags, ...more, '-c', source, '-o', object]);
      return object;
    }),
  );
}

/** Links objects into an executable. */
export async function link(
  { compiler, linkFlags }: Toolchain,
  objects: readonly string[],
  target: string,
): Promise<void> {
  await run(compiler, [...linkFlags, ...objects, '-lm', '-o', target]);
}
