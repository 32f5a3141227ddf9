/**
 * Bundling, quiet and strict, and above all for a neutral engine: one that has ECMAScript 2023 and nothing else, as
 * QuickJS without its own library has. What `core/` and `cli/` import must end up there without Node.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Context, createContext, runInContext } from 'node:vm';
import { type BuildOptions, build, formatMessages, type Plugin } from 'esbuild';
import manifest from '../../package.json' with { type: 'json' };
import { commit } from './commit.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHIMS = path.join(import.meta.dirname, 'shims');

/** Where a bundle begins: a file, or TypeScript whose imports are relative to the root of the repository. */
export type Entry = { readonly file: string } | { readonly source: string };

/** How a neutral bundle is to look. */
export interface NeutralOptions {
  /** The global variable that holds what the entry exports. */
  readonly globalName?: string;
  /** Whether it is for an engine alone and not for the eye. */
  readonly minify?: boolean;
}

/**
 * One classic script made of an entry and all it imports, for an engine with ECMAScript 2023 only. Of the modules of
 * Node it gets the little in `shims/`; any other fails here.
 */
export async function bundleNeutral(entry: Entry, options: NeutralOptions = {}): Promise<string> {
  const script = await bundle(entry, {
    ...neutral(),
    globalName: options.globalName ?? 'rehup',
    minify: options.minify ?? false,
  });
  return new TextDecoder().decode(script);
}

/** How esbuild bundles for a neutral engine. */
export function neutral(): BuildOptions {
  return {
    platform: 'neutral',
    format: 'iife',
    target: 'es2023',
    // Packages that have one for browsers are nearest to this engine there; without a list they could not be found at all.
    mainFields: ['browser', 'module', 'main'],
    plugins: [shims],
    inject: [path.join(SHIMS, 'error.ts')],
  };
}

/** One script made of an entry and all it imports. esbuild's warnings are errors: nobody reads one that scrolls by. */
export async function bundle(entry: Entry, options: BuildOptions): Promise<Uint8Array> {
  return (await bundled(entry, options)).script;
}

/** The names of the packages that a bundle has something of, sorted. */
export async function bundledPackages(entry: Entry, options: BuildOptions): Promise<readonly string[]> {
  const { files } = await bundled(entry, options);
  const names = files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  return [...new Set(names)].sort();
}

async function bundled(entry: Entry, options: BuildOptions) {
  const { outputFiles, warnings, metafile } = await build({
    ...options,
    ...('file' in entry
      ? { entryPoints: [entry.file] }
      : { stdin: { contents: entry.source, loader: 'ts', resolveDir: ROOT, sourcefile: 'entry.ts' } }),
    bundle: true,
    write: false,
    metafile: true,
    // Modules are strict, scripts are not unless they say so; without it a write to something frozen would pass silently.
    banner: { js: '"use strict";' },
    define: { REHUP_VERSION: JSON.stringify(manifest.version), REHUP_COMMIT: JSON.stringify(await commit()) },
    logLevel: 'silent',
  });
  if (warnings.length > 0) throw new Error((await formatMessages(warnings, { kind: 'warning' })).join('\n'));
  const [file] = outputFiles;
  if (file === undefined) throw new Error('esbuild made no file');
  // An input of which nothing was left is in no output.
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([name, { bytesInOutput }]) => (bytesInOutput > 0 ? [name] : [])),
  );
  return { script: file.contents, files };
}

/** A context to try a neutral bundle in: its globals are those of ECMAScript 2023, less than `node:vm` gives by itself. */
export function neutralContext(): Context {
  const context = createContext(Object.create(null));
  const names = runInContext('Object.getOwnPropertyNames(globalThis)', context) as readonly string[];
  for (const name of names) {
    if (!ES2023.has(name)) runInContext(`delete globalThis.${name}`, context);
  }
  // Of V8 alone.
  for (const name of ['captureStackTrace', 'stackTraceLimit']) runInContext(`delete Error.${name}`, context);
  return context;
}

const shims: Plugin = {
  name: 'shims',
  setup({ onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path: name }) => {
      const file = path.join(SHIMS, `${name.slice('node:'.length)}.ts`);
      if (existsSync(file)) return { path: file };
      return {
        errors: [
          { text: `${name} is not there in a neutral engine, and scripts/shims has nothing in its place` },
        ],
      };
    });
  },
};

/** The properties of the global object in ECMAScript 2023, annex B included. */
const ES2023: ReadonlySet<string> = new Set(
  `globalThis Infinity NaN undefined eval isFinite isNaN parseFloat parseInt
   decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape
   AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError
   FinalizationRegistry Float32Array Float64Array Function Int8Array Int16Array Int32Array Map Number Object Promise
   Proxy RangeError ReferenceError RegExp Set SharedArrayBuffer String Symbol SyntaxError TypeError Uint8Array
   Uint8ClampedArray Uint16Array Uint32Array URIError WeakMap WeakRef WeakSet Atomics JSON Math Reflect`.split(
    /\s+/,
  ),
);
