/** The C compilers that the static executable is made with, and how they are called. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { type DebianPackage, unpackPackage } from './debian.ts';
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
  /** What is linked before and behind all objects, where the compiler does not know its C library. */
  readonly start?: readonly string[];
  readonly end?: readonly string[];
  /** The C library, where the compiler does not know it. */
  readonly library?: string;
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
    '-Wl,--section-start=.rehup_code=0x18000000',
  ],
  extra: [],
  image: false,
};

export const MUSL: Toolchain = { ...SMALL, compiler: 'musl-gcc', packages: 'musl-tools gcc', image: true };
export const GLIBC: Toolchain = { ...SMALL, compiler: 'gcc', packages: 'musl-tools gcc' };

/** Of Debian 12, whose compilers make the rest. */
const ARM64_MUSL: DebianPackage = { suite: 'bookworm', architecture: 'arm64', name: 'musl-dev' };
const CROSS = 'aarch64-linux-gnu-gcc';

/**
 * The cross compiler with musl instead of glibc, whose getaddrinfo would load modules of the image that the executable runs in
 * (nsswitch.conf(5)). Debian has no cross package of musl, hence that of arm64 itself.
 *
 * @throws if the compiler is there and the package can't be had
 */
export async function arm64(cache: string): Promise<Toolchain> {
  const toolchain = { ...SMALL, compiler: CROSS, packages: 'gcc-aarch64-linux-gnu' };
  const found = await run(CROSS, ['-print-file-name=include']).catch(() => undefined);
  if (found === undefined) return toolchain;
  const folder = path.join(cache, `${ARM64_MUSL.name}-${ARM64_MUSL.suite}-${ARM64_MUSL.architecture}`);
  await unpackPackage(ARM64_MUSL, folder);
  const libraries = path.join(folder, 'usr/lib/aarch64-linux-musl');
  const file = (name: string) => path.join(libraries, name);
  const own = found.stdout.trim();
  const headers = path.join(folder, 'usr/include/aarch64-linux-musl');
  return {
    ...toolchain,
    flags: [...SMALL.flags, '-nostdinc', '-isystem', headers, '-isystem', own],
    linkFlags: [...SMALL.linkFlags, '-nostdlib', `-L${libraries}`],
    start: [file('crt1.o'), file('crti.o')],
    end: ['-Wl,--start-group', '-lc', '-lgcc', '-lgcc_eh', '-Wl,--end-group', file('crtn.o')],
    library: file('libc.a'),
  };
}

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
      const { stdout: library } =
        toolchain.library === undefined
          ? await run(toolchain.compiler, ['-print-file-name=libc.a'])
          : { stdout: toolchain.library };
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

/** Fast, and hardly larger: what is not said to be inline stays a call. */
const FASTER = [
  '-O2',
  '-fno-inline-functions',
  '-fno-inline-small-functions',
  '-falign-functions=1',
  '-falign-jumps=1',
  '-falign-labels=1',
  '-falign-loops=1',
];

/** What is run often enough that its speed is worth its size, and how it is compiled. */
export const FAST: Readonly<Record<string, readonly string[]>> = {
  'sha256.c': ['-O3'],
  'unpack.c': ['-O3'],
  'memory.c': ['-O2'],
  'engine.c': FASTER,
  'quickjs.c': FASTER,
  'libregexp.c': FASTER,
};

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
      const more = FAST[path.basename(source)] ?? [];
      await run(compiler, [...flags, ...more, '-c', source, '-o', object]);
      return object;
    }),
  );
}

/** Links objects into an executable. */
export async function link(
  { compiler, linkFlags, start = [], end = [] }: Toolchain,
  objects: readonly string[],
  target: string,
): Promise<void> {
  await run(compiler, [...linkFlags, ...start, ...objects, '-lm', ...end, '-o', target]);
}
