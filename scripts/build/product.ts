import { createHash, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** What is kept between builds. */
export const CACHE = path.join(ROOT, 'node_modules/.cache/rehup');

/** Something that can be built: one output file, made from inputs whose digest tells whether it must be made again. */
export interface Product {
  /** The absolute path of the file that is built. */
  readonly output: string;
  /** Gathers the inputs; cheap enough to be done at every build. */
  prepare(): Promise<Prepared | LeftOut>;
}

/** A product whose inputs are known. */
export interface Prepared {
  /** The same for the same inputs. */
  readonly fingerprint: string;
  /** Writes the product to this path, and returns what the user should be told besides, if anything. */
  make(target: string): Promise<string | undefined>;
}

/** A product that this machine can't make. */
export interface LeftOut {
  /** What is missing, and what brings it. */
  readonly leftOut: string;
}

/**
 * Builds a product unless it is there already, made from the same inputs. The output is replaced in one step, so that
 * whoever runs it meanwhile meets the old one or the new one. Returns the line that tells the user.
 */
export async function build(product: Product, cache: string = CACHE): Promise<string> {
  const started = performance.now();
  const { output } = product;
  const name = path.relative(ROOT, output).startsWith('..') ? output : path.relative(ROOT, output);
  const record = path.join(cache, `${path.basename(output)}.stamp`);
  await mkdir(cache, { recursive: true });

  const prepared = await product.prepare();
  if ('leftOut' in prepared) {
    // One that was made before is of other sources by now.
    rmSync(output, { force: true });
    if (process.env['REHUP_TEST_ALL'] === '1')
      throw new Error(`REHUP_TEST_ALL=1 and ${name} can't be built: ${prepared.leftOut}`);
    return `${name}: left out: ${prepared.leftOut}`;
  }
  const fingerprint = digest(prepared.fingerprint, output);
  const found = await identity(output);
  if (found !== undefined && (await recorded(record)) === `${fingerprint} ${found.stamp}`) {
    return `${name}: up to date, ${inMegabytes(found.size)}`;
  }

  await mkdir(path.dirname(output), { recursive: true });
  const note = await replace(output, prepared.make);
  const made = await identity(output);
  if (made === undefined) throw new Error(`${name} vanished while it was built`);
  await writeFile(record, `${fingerprint} ${made.stamp}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const line = `${name}: built in ${seconds} s, ${inMegabytes(made.size)}`;
  return note === undefined ? line : `${line}\n${name}: ${note}`;
}

/** Makes a file beside the one it is to replace, and puts it there in one step; nothing is left if that fails. */
export function replace<T>(file: string, make: (beside: string) => Promise<T>): Promise<T> {
  return passing(`${file}.${randomUUID()}`, async (beside) => {
    const made = await make(beside);
    await rename(beside, file);
    return made;
  });
}

/** What Ctrl-C would leave behind. */
const unfinished = new Set<string>();

/** Removes what was being made, for the end by Ctrl-C. */
export function removeUnfinished(): void {
  for (const place of unfinished) remove(place);
}

/** Uses a path where nothing may stay. */
export async function passing<T>(place: string, use: (place: string) => Promise<T>): Promise<T> {
  unfinished.add(place);
  try {
    return await use(place);
  } finally {
    remove(place);
    unfinished.delete(place);
  }
}

export function remove(place: string): void {
  rmSync(place, { recursive: true, force: true });
}

/** The size of a file and what tells it from others of its name, or `undefined` if there is none. */
export async function identity(file: string): Promise<{ size: number; stamp: string } | undefined> {
  try {
    const { size, mtimeMs } = await stat(file);
    return { size, stamp: `${size} ${mtimeMs}` };
  } catch {
    return undefined;
  }
}

async function recorded(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex');
}

function inMegabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
