import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What is in an edition that others have made: its name, and a folder or a file with its licence. */
export type Origin = { readonly name: string; readonly from: string };

const NAMES = /^((?:un)?licen[cs]e|copying|copyright|notice)(\.(md|txt))?$/i;

/**
 * The text of a licence.
 *
 * @throws if there is none: what has none may not be passed on
 */
export function licenceOf({ name, from }: Origin): string {
  const files = licenceFiles(from);
  const text = files.map((file) => readFileSync(file, 'utf8').trim()).join('\n\n');
  if (text === '') throw new Error(`release: ${name} has no licence in ${from}: it may not be passed on`);
  return text;
}

function licenceFiles(from: string): readonly string[] {
  if (!existsSync(from)) return [];
  if (NAMES.test(path.basename(from))) return [from];
  return readdirSync(from)
    .filter((file) => NAMES.test(file))
    .sort()
    .map((file) => path.join(from, file));
}

/** All licences in one text, those of the same words once, with the names of all that they are of. */
export function licencesOf(what: string, origins: readonly Origin[]): string {
  const namesByText = new Map<string, string[]>();
  for (const origin of origins) {
    const text = licenceOf(origin);
    namesByText.set(text, [...(namesByText.get(text) ?? []), origin.name]);
  }
  const parts = [...namesByText].map(
    ([text, names]) => `${'='.repeat(78)}\n${names.join(', ')}\n\n${text}\n`,
  );
  return [`${what} holds parts that others have made, under these licences.\n`, ...parts].join('\n');
}
