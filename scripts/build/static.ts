/**
 * The static executable: rehup's TypeScript as bytecode, the engine that runs it and the C host, in one file that needs
 * nothing of the image it lies in. The same sources and compiler give the same bytes.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { packed } from './lz4.ts';
import { bundleNeutral, type Entry } from './neutral.ts';
import {
  CACHE,
  digest,
  type LeftOut,
  type Prepared,
  type Product,
  passing,
  ROOT,
  replace,
} from './product.ts';
import { ENGINE_FILES, ENGINE_VERSION, engineSource } from './quickjs.ts';
import {
  ASAN,
  arm64,
  compileAll,
  FAST,
  type Found,
  FUZZ,
  firstThere,
  GLIBC,
  hostFlags,
  link,
  MUSL,
  type Toolchain,
} from './toolchain.ts';

const run = promisify(execFile);

export const ENTRY: Entry = { file: path.join(ROOT, 'src/static/main.ts') };
export const NATIVE = path.join(ROOT, 'src/static/native');

/** Runs at build time only. */
const COMPILER = 'engine/compile.c';

/** Holds the program, hence compiled by itself. */
const PROGRAM = path.join(NATIVE, 'engine/program.c');

/** What the fuzz target is made of; it includes some files of the host itself, to reach what is private to them. */
const FUZZED = ['engine/engine.c', 'errno.c', 'digests/sha256.c', 'descriptors.c'].map((name) =>
  path.join(NATIVE, name),
);

/** `dist/rehup-fuzz`, for libFuzzer: all of the C host that takes bytes apart. */
export function fuzzTarget({
  output = path.join(ROOT, 'dist/rehup-fuzz'),
  cache = CACHE,
}: StaticOptions = {}): Product {
  const sources = [path.join(ROOT, 'test/static/fuzz.c'), ...FUZZED];
  return {
    output,
    async prepare() {
      const found = await firstThere([FUZZ]);
      if (found === undefined) return { leftOut: `there is no clang: apt-get install -y ${FUZZ.packages}` };
      const engine = await engineSource(cache);
      const included = [...(await filesOf(NATIVE, '.c')), ...(await filesOf(NATIVE, '.h'))];
      const contents = await Promise.all([...sources, ...included].map((file) => readFile(file)));
      return {
        fingerprint: digest(JSON.stringify(found), ...contents),
        async make(target) {
          const objects = await engineObjects(found, engine, cache);
          await passing(`${target}.build`, async (place) => {
            await mkdir(place);
            const made = await compileAll(FUZZ, sources, place, hostFlags(FUZZ, engine));
            await link(FUZZ, [...made, ...objects], target);
          });
          return undefined;
        },
      };
    },
  };
}

export interface StaticOptions {
  readonly entry?: Entry;
  readonly output?: string;
  /** A folder for what is kept between builds. */
  readonly cache?: string;
}

/** `dist/rehup`, for this machine's architecture: with musl if it is there, else with glibc. */
export function staticExecutable(options: StaticOptions = {}): Product {
  return product('dist/rehup', async () => [MUSL, GLIBC], options);
}

/** `dist/rehup-arm64`, made by a cross compiler. */
export function armExecutable(options: StaticOptions = {}): Product {
  return product('dist/rehup-arm64', async (cache) => [await arm64(cache)], options);
}

/** `dist/rehup-asan`, which ends with a report at the first wrong access to memory or undefined behaviour of the host. */
export function asanExecutable(options: StaticOptions = {}): Product {
  return product('dist/rehup-asan', async () => [ASAN], options);
}

function product(
  name: string,
  toolchains: (cache: string) => Promise<readonly Toolchain[]>,
  options: StaticOptions,
): Product {
  const { entry = ENTRY, output = path.join(ROOT, name), cache = CACHE } = options;
  return {
    output,
    async prepare(): Promise<Prepared | LeftOut> {
      let wanted: readonly Toolchain[];
      try {
        wanted = await toolchains(cache);
      } catch (error) {
        return { leftOut: `its C library can't be had: ${firstLine(error)}` };
      }
      const found = await firstThere(wanted);
      const own = await firstThere([MUSL, GLIBC]);
      if (found === undefined || own === undefined) {
        const [{ packages } = MUSL] = found === undefined ? wanted : [];
        return { leftOut: `there is no C compiler for it: apt-get install -y ${packages} xz-utils` };
      }
      let engine: string;
      try {
        engine = await engineSource(cache);
      } catch (error) {
        return { leftOut: `its engine's source can't be had: ${firstLine(error)}` };
      }
      const script = await bundleNeutral(entry, { minify: true });
      const sources = await hostSources(found.toolchain);
      const contents = await Promise.all(sources.map((file) => readFile(file)));
      const headers = await Promise.all((await filesOf(NATIVE, '.h')).map((file) => readFile(file)));
      return {
        fingerprint: digest(script, JSON.stringify([found, own, FAST]), engine, ...contents, ...headers),
        async make(target) {
          const tool = await bytecodeCompiler(own, engine, cache);
          const objects = await engineObjects(found, engine, cache);
          await passing(`${target}.build`, async (place) => {
            await mkdir(place);
            await writeFile(path.join(place, 'rehup.js'), script);
            const bytecode = path.join(place, 'bytecode');
            await run(tool, [path.join(place, 'rehup.js'), bytecode]);
            const flags = hostFlags(found.toolchain, engine);
            const made = await compileAll(found.toolchain, sources, place, flags);
            const linked: Linked = {
              toolchain: found.toolchain,
              objects: [...made, ...objects],
              flags,
              place,
            };
            if (!found.toolchain.image)
              return linkProgram(linked, { kind: 'PROGRAM_BYTECODE', file: bytecode }, target);
            return linkProgram(linked, await imageOf(linked, bytecode), target);
          });
          await chmod(target, 0o755);
          if (found.toolchain !== GLIBC) return undefined;
          return 'linked with glibc, which takes twice the space and memory of musl: apt-get install -y musl-tools';
        },
      };
    },
  };
}

async function filesOf(folder: string, ending: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(ending)).sort();
  return names.map((name) => path.join(folder, name));
}

async function hostSources({ extra }: Toolchain): Promise<readonly string[]> {
  const apart = [path.join(NATIVE, COMPILER), PROGRAM];
  const own = (await filesOf(NATIVE, '.c')).filter((file) => !apart.includes(file));
  return [...own, ...extra];
}

/** All that an executable consists of but its program. */
interface Linked {
  readonly toolchain: Toolchain;
  readonly objects: readonly string[];
  /** How program.c is compiled. */
  readonly flags: readonly string[];
  /** For what is made meanwhile. */
  readonly place: string;
}

interface Program {
  readonly kind: 'PROGRAM_BYTECODE' | 'PROGRAM_TO_IMAGE' | 'PROGRAM_IMAGE';
  readonly file: string;
  /** Of an image, when it is unpacked. */
  readonly size?: number;
  /** Of an image, the file with the code that it refers to. */
  readonly code?: string;
}

/** The words by which program.c is told what it is to hold. */
export function programFlags({ kind, file, size = 0, code }: Program): readonly string[] {
  const flags = [`-DREHUP_PROGRAM_KIND=${kind}`, `-DREHUP_PROGRAM="${file}"`, `-DREHUP_IMAGE_SIZE=${size}`];
  return code === undefined ? flags : [...flags, `-DREHUP_CODE="${code}"`];
}

async function linkProgram(
  { toolchain, objects, flags, place }: Linked,
  program: Program,
  target: string,
): Promise<void> {
  const holding = await compileAll(toolchain, [PROGRAM], place, [...flags, ...programFlags(program)]);
  await link(toolchain, [...objects, ...holding], target);
}

/** The image that the loaded program makes of itself, linked of the same parts as the executable that is to hold it. */
async function imageOf(linked: Linked, bytecode: string): Promise<Program> {
  const maker = path.join(linked.place, 'maker');
  await linkProgram(linked, { kind: 'PROGRAM_TO_IMAGE', file: bytecode }, maker);
  const blocks = await ranOn(maker, Buffer.alloc(0));
  const stdout = await ranOn(maker, blocks);
  const [file, code] = [path.join(linked.place, 'image'), path.join(linked.place, 'code')];
  const size = Number(stdout.readBigUInt64LE());
  const image = stdout.subarray(SIZE_BYTES, SIZE_BYTES + size);
  await writeFile(file, packed(image));
  await writeFile(code, stdout.subarray(SIZE_BYTES + size));
  return { kind: 'PROGRAM_IMAGE', file, size, code };
}

/** What a program writes that is given this to read. */
async function ranOn(program: string, input: Buffer): Promise<Buffer> {
  const running = run(program, [], { encoding: 'buffer', maxBuffer: MOST_OF_IMAGE });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

/** Before the image stands how large it is, and behind it the code. */
const SIZE_BYTES = 8;

/** Bytes; as much as memory.c has for it. */
const MOST_OF_IMAGE = 2 * 1024 * 1024;

function engineFlags({ flags }: Toolchain, engine: string): readonly string[] {
  const version = `-DCONFIG_VERSION="${ENGINE_VERSION}"`;
  // Its assertions name their file, which is to be the same wherever it lies.
  const names = `-fmacro-prefix-map=${engine}/=`;
  // As its own Makefile has it; its warnings are not ours to mend.
  return ['-D_GNU_SOURCE', version, names, '-fwrapv', '-funsigned-char', '-w', ...flags];
}

/** The engine's objects for a toolchain, made once. */
async function engineObjects(
  { toolchain, version }: Found,
  engine: string,
  cache: string,
): Promise<readonly string[]> {
  const flags = engineFlags(toolchain, engine);
  const sources = ENGINE_FILES.map((name) => path.join(engine, `${name}.c`));
  const contents = await Promise.all(
    (await readdir(engine))
      .sort()
      .filter(isSource)
      .map((name) => readFile(path.join(engine, name))),
  );
  const key = digest(version, JSON.stringify([toolchain.compiler, flags, FAST]), ...contents).slice(0, 16);
  const folder = path.join(cache, `engine-${key}`);
  if (!existsSync(folder)) {
    await replace(folder, async (beside) => {
      await mkdir(beside, { recursive: true });
      await compileAll(toolchain, sources, beside, flags);
    });
  }
  return ENGINE_FILES.map((name) => path.join(folder, `${name}.o`));
}

function isSource(name: string): boolean {
  return name.endsWith('.c') || name.endsWith('.h');
}

/** The program that turns a script into bytecode, with the same engine. */
async function bytecodeCompiler(own: Found, engine: string, cache: string): Promise<string> {
  const objects = await engineObjects(own, engine, cache);
  const source = path.join(NATIVE, COMPILER);
  const key = digest(await readFile(source), objects.join()).slice(0, 16);
  const target = path.join(cache, `compile-${key}`);
  if (!existsSync(target)) {
    await replace(target, (beside) =>
      run(own.toolchain.compiler, ['-static', '-isystem', engine, source, ...objects, '-lm', '-o', beside]),
    );
  }
  return target;
}

function firstLine(error: unknown): string {
  const { stderr = '', message } = error as { stderr?: string; message: string };
  return (stderr.trim() === '' ? message : stderr.trim()).split('\n')[0] ?? message;
}
