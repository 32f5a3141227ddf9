/**
 * Builds what rehup ships, each product only when something in it changed:
 *
 *     node scripts/build.ts              dist/rehup, static, and what else this machine can make:
 *                                        dist/rehup-arm64, and dist/rehup-node, one executable with Node in it
 *     node scripts/build.ts --package    lib/rehup.cjs, what the npm package runs
 *     node scripts/build.ts --asan       dist/rehup-asan, the static one with the checks of ASAN and UBSAN
 *     node scripts/build.ts --fuzz       dist/rehup-fuzz, what of its C takes bytes apart, for libFuzzer
 *
 * Node comes from the package that npm installed, the engine of the static executables from Debian (quickjs.ts).
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import type { SeaConfig } from '@yao-pkg/pkg/lib-es5/sea.js';
import pkg from '@yao-pkg/pkg/package.json' with { type: 'json' };
import type { BuildOptions } from 'esbuild';
import { CONTROLLER_SCRIPT } from '../src/node/process/controller.ts';
import { lean } from './build/lean.ts';
import { bundle } from './build/neutral.ts';
import {
  build,
  CACHE,
  digest,
  identity,
  type Product,
  passing,
  ROOT,
  removeUnfinished,
  replace,
} from './build/product.ts';
import { armExecutable, asanExecutable, fuzzTarget, staticExecutable } from './build/static.ts';

const run = promisify(execFile);
const fromHere = createRequire(import.meta.url);

export const ENTRY = path.join(ROOT, 'src/node/main.ts');

/** What `rehup controller` runs, apart: a PID 1 must not have it in its memory (src/node/process/controller.ts). */
export const CONTROLLER_ENTRY = path.join(ROOT, 'src/controller/host/main.ts');

/** Where a product's parts are; for tests that build something else than the repository's own. */
export interface Places {
  /** The TypeScript file that is bundled. */
  readonly entry: string;
  readonly output: string;
  /** A folder for what is kept between builds. */
  readonly cache: string;
}

/** How Node is to run rehup. The launcher `bin/rehup` has the same in its first line; node.md 4 and 7 have the figures. */
export const NODE_FLAGS: readonly string[] = [
  // A SIGUSR1 is for the child; without this it opens Node's debugger until the handler is in place.
  '--disable-sigusr1',
  // No threads for V8's background work, and a heap that stays small: a supervisor is idle nearly always.
  '--v8-pool-size=0',
  '--max-semi-space-size=1',
  '--max-old-space-size=32',
  // node:ffi says at every start that it is experimental, which is nothing that a user could act upon.
  '--disable-warning=ExperimentalWarning',
];

const SEA: SeaConfig & { readonly execArgv: readonly string[]; readonly execArgvExtension: 'none' } = {
  disableExperimentalSEAWarning: true,
  useSnapshot: false,
  // 6 ms less from exec to the first statement (measured, n=30).
  useCodeCache: true,
  execArgv: NODE_FLAGS,
  // NODE_OPTIONS is meant for the child: `--inspect` in it must not take the child's port.
  execArgvExtension: 'none',
};

/** The executable with Node and rehup in it, `dist/rehup-node`. */
export function nodeExecutable(places: Partial<Places> = {}): Product {
  const { entry = ENTRY, output = path.join(ROOT, 'dist/rehup-node'), cache = CACHE } = places;
  return {
    output,
    async prepare() {
      const script = await bundleForNode(entry);
      const controller = await bundleForNode(CONTROLLER_ENTRY);
      const node = await broughtNode();
      const stripped = await strippedNode(node, cache);
      return {
        fingerprint: digest(
          script,
          controller,
          JSON.stringify([SEA, node.version, process.arch, stripped !== undefined, pkg.version]),
        ),
        async make(target) {
          // The executable's stack traces name this file, so it has a lasting name and stays to be looked into.
          const kept = path.join(cache, `${path.basename(output)}.cjs`);
          await writeFile(kept, script);
          const beside = path.join(cache, CONTROLLER_SCRIPT);
          await writeFile(beside, controller);
          await packApart(
            {
              script: kept,
              assets: { [CONTROLLER_SCRIPT]: beside },
              node: stripped ?? node.file,
              output: target,
            },
            cache,
          );
          await chmod(target, 0o755);
          if (stripped !== undefined) return undefined;
          return 'strip was not found, so the symbols of Node are in it too: apt-get install -y binutils';
        },
      };
    },
  };
}

/** The one file that the npm package consists of beside its launcher, with every library in it: `lib/rehup.cjs`. */
export function packageBundle(places: Partial<Places> = {}): Product {
  const { entry = ENTRY, output = path.join(ROOT, 'lib/rehup.cjs') } = places;
  return {
    output,
    async prepare() {
      const script = await bundleForNode(entry);
      return {
        fingerprint: digest(script),
        async make(target) {
          await writeFile(target, script);
          return undefined;
        },
      };
    },
  };
}

/** What the launcher's script loads for `rehup controller`: `lib/controller.cjs`. */
export function controllerBundle(places: Partial<Places> = {}): Product {
  return packageBundle({
    entry: CONTROLLER_ENTRY,
    output: path.join(ROOT, 'lib', CONTROLLER_SCRIPT),
    ...places,
  });
}

/** What a launcher or Node's single-executable loader runs: the entry and all libraries in one CommonJS script. */
function bundleForNode(entry: string): Promise<Uint8Array> {
  return bundle({ file: entry }, FOR_NODE);
}

/** How esbuild bundles for Node. */
export const FOR_NODE: BuildOptions = {
  platform: 'node',
  format: 'cjs',
  target: 'node26',
  // Names stay and lines stay short, so that a crash prints a stack to read and not a line of 400 kB. Full
  // minification would save 0.2 MB of disk, 0.5 MB of memory and no time (measured, n=30); none would cost as much.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 110,
  legalComments: 'eof',
  plugins: [lean],
};

interface BroughtNode {
  readonly file: string;
  readonly version: string;
}

/** The Node that npm installed as an optional dependency. Not just any: what is shipped should not depend on the machine. */
export async function broughtNode(): Promise<BroughtNode> {
  const name = `node-linux-${process.arch}`;
  let found: string;
  try {
    found = fromHere.resolve(`${name}/package.json`);
  } catch {
    throw new Error(
      `the package ${name}, whose Node goes into the executable, is not installed: npm ci installs it`,
    );
  }
  const { version } = JSON.parse(await readFile(found, 'utf8')) as { version: string };
  return { file: path.join(path.dirname(found), 'bin/node'), version };
}

/** A copy of Node without its symbols, a quarter smaller, made once; `undefined` where there is no `strip`. */
async function strippedNode(node: BroughtNode, cache: string): Promise<string | undefined> {
  const stripped = path.join(cache, `node-${node.version}-${process.arch}-stripped`);
  if ((await identity(stripped)) !== undefined) return stripped;
  try {
    await replace(stripped, (beside) => run('strip', ['-o', beside, node.file]));
    return stripped;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && error.syscall === 'spawn strip') return undefined;
    throw error;
  }
}

interface Packing {
  /** The CommonJS script. */
  readonly script: string;
  /** Files that are packed beside it, by name. */
  readonly assets: Readonly<Record<string, string>>;
  readonly node: string;
  readonly output: string;
}

/**
 * Packs in a process of its own, because pkg changes the working directory and talks, and Node's warnings about it
 * could not be held back otherwise. What it says is shown only if it fails.
 */
function packApart(packing: Packing, cache: string): Promise<void> {
  return passing(path.join(cache, randomUUID()), async (temporary) => {
    await mkdir(temporary);
    const { NODE_OPTIONS: _, ...environment } = process.env;
    try {
      await run(process.execPath, [import.meta.filename, PACK, JSON.stringify(packing)], {
        env: { ...environment, TMPDIR: temporary },
      });
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`pkg could not make ${packing.output}:\n${stdout}${stderr}`.trimEnd(), {
        cause: error,
      });
    }
  });
}

/** The word by which this script is told, by itself, to be that process. */
const PACK = '--pack';

/** pkg's SEA mode without its command line, which would download a Node. */
async function pack(packing: Packing): Promise<void> {
  const { default: sea } = await import('@yao-pkg/pkg/lib-es5/sea.js');
  await sea.default(packing.script, {
    targets: [{ nodeRange: 'node26', platform: 'linux', arch: process.arch, output: packing.output }],
    nodePath: packing.node,
    seaConfig: { ...SEA, assets: packing.assets },
  });
}

const PRODUCTS: ReadonlyMap<string | undefined, () => readonly Product[]> = new Map([
  [undefined, () => [staticExecutable(), armExecutable(), nodeExecutable()]],
  ['--package', () => [packageBundle(), controllerBundle()]],
  ['--asan', () => [asanExecutable()]],
  ['--fuzz', () => [fuzzTarget()]],
]);

async function main([word]: readonly string[]): Promise<void> {
  const products = PRODUCTS.get(word);
  if (products === undefined)
    throw new Error(`${word} is not an option; there are --package, --asan and --fuzz`);
  process.on('SIGINT', () => {
    removeUnfinished();
    process.exit(130);
  });
  for (const product of products()) console.log(await build(product));
}

if (import.meta.main) {
  const [word, packing = ''] = process.argv.slice(2);
  try {
    await (word === PACK ? pack(JSON.parse(packing) as Packing) : main(process.argv.slice(2)));
  } catch (error) {
    console.error(word === PACK ? error : `build: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
