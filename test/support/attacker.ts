import { dlopen } from 'node:ffi';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cString } from '../../src/node/process/libc.ts';

/** Who may write in a target, and nowhere below what is not theirs; what they would like to have is outside of it. */

const { functions } = dlopen(null, {
  renameat2: { arguments: ['int32', 'pointer', 'int32', 'pointer', 'uint32'], return: 'int32' },
});

/** AT_FDCWD and RENAME_EXCHANGE of fcntl.h. */
const HERE = -100;
const EXCHANGE = 2;

function exchange(one: string, other: string): boolean {
  return functions.renameat2(HERE, cString(one), HERE, cString(other), EXCHANGE) === 0;
}

export type Attack = 'link' | 'directory' | 'remove' | 'file' | 'hard link' | 'fill';

export const ATTACKS: readonly Attack[] = ['link', 'directory', 'remove', 'file', 'hard link', 'fill'];

/** What is worth to be exchanged in a target of a stage with these keys. */
export function worthwhile(keys: readonly string[]): readonly string[] {
  return [
    '..data',
    '..good',
    '..data_tmp',
    '..good_tmp',
    '..back_tmp',
    '..rehup_1',
    '..rehup_2',
    '..rehup_3',
    ...keys,
  ];
}

/** What an attacker has of their own, beside the target, and what is not theirs. */
export type Place = { readonly target: string; readonly own: string; readonly outside: string };

export const PRECIOUS = 'precious';

export function makePlace(root: string, target: string): Place {
  const [own, outside] = [join(root, 'own'), join(root, 'outside')];
  mkdirSync(own);
  mkdirSync(join(outside, 'sub'), { recursive: true });
  for (const name of ['same', 'a', 'sub/b']) writeFileSync(join(outside, name), PRECIOUS, { mode: 0o600 });
  return { target, own, outside };
}

/** All that can be told of what is outside. */
export function outsideOf({ outside }: Place): readonly string[] {
  return ['.', ...readdirSync(outside, { recursive: true }).map(String).sort()].map((name) => {
    const { mode, uid, gid, size, ino, mtimeMs } = lstatSync(join(outside, name));
    const text = lstatSync(join(outside, name)).isFile() ? readFileSync(join(outside, name), 'utf8') : '';
    return [name, mode, uid, gid, size, ino, mtimeMs, text].join(' ');
  });
}

/** Does one thing to one name of the target; whether anything came of it. */
export function attack({ target, own, outside }: Place, kind: Attack, name: string): boolean {
  const at = join(target, name);
  const mine = join(mkdtempSync(join(own, 'x-')), 'mine');
  switch (kind) {
    case 'link':
      symlinkSync(outside, mine);
      break;
    case 'directory':
    case 'fill':
      mkdirSync(join(mine, 'sub'), { recursive: true });
      for (const key of ['same', 'came', 'sub/a']) writeFileSync(join(mine, key), 'evil');
      symlinkSync(outside, join(mine, 'out'));
      break;
    case 'file':
      writeFileSync(mine, 'evil');
      break;
    case 'hard link':
      linkSync(join(outside, 'same'), mine);
      break;
    case 'remove':
      return remove(at, mine);
    default:
      kind satisfies never;
  }
  if (kind === 'fill' ? existsSync(at) : exchange(mine, at)) return kind !== 'fill';
  try {
    renameSync(mine, at);
    return true;
  } catch {
    return false;
  }
}

/** A directory of others can't be emptied, but have another name. */
function remove(at: string, aside: string): boolean {
  try {
    if (lstatSync(at).isDirectory()) renameSync(at, `${at}_was`);
    else unlinkSync(at);
    return true;
  } catch {
    rmSync(aside, { force: true });
    return false;
  }
}
