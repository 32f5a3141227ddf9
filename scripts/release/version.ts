/** `npm run version:set X.Y.Z`: writes a version into package.json, its lock, the chart and the kustomization, and closes the section of CHANGELOG.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { ROOT } from '../build/product.ts';
import { deployVersion } from './deployment.ts';

const UNRELEASED = /^## .*, not released yet$/m;

/**
 * The changes with a date in the place of `not released yet`.
 *
 * @throws if nothing is told of what is to be released
 */
export function closed(changes: string, version: string, date: string): string {
  if (!UNRELEASED.test(changes)) throw new Error('CHANGELOG.md has no section that is not released yet');
  return changes.replace(UNRELEASED, `## ${version}, ${date}`);
}

/** The first version of a JSON text that stands so deep, in the place of which another one is put. */
export function withVersion(json: string, version: string): string {
  const before: { version: string; packages?: object } = JSON.parse(json);
  const own = `"version": "${before.version}"`;
  // In a lock the package itself stands twice at its beginning; those that it depends on come later.
  const times = before.packages === undefined ? 1 : 2;
  let text = json;
  let from = 0;
  for (let time = 0; time < times; time++) {
    const at = text.indexOf(own, from);
    if (at < 0) throw new Error(`${own} is not there`);
    const put = `"version": "${version}"`;
    text = text.slice(0, at) + put + text.slice(at + own.length);
    from = at + put.length;
  }
  return text;
}

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2);
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version}: not a version; use for example 1.2.3`);
  const edit = (name: string, change: (text: string) => string) => {
    const file = path.join(ROOT, name);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  };
  edit('CHANGELOG.md', (text) => closed(text, version, new Date().toISOString().slice(0, 10)));
  deployVersion(version);
  for (const name of ['package.json', 'package-lock.json']) edit(name, (text) => withVersion(text, version));
}
