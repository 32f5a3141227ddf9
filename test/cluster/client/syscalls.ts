import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** The system calls by which somebody writes a volume, recorded by strace(1). */

const CALLS =
  'mkdir,mkdirat,open,openat,close,write,pwrite64,chmod,fchmod,fchmodat,?fchmodat2,chown,lchown,fchown,fchownat,' +
  'symlink,symlinkat,rename,renameat,renameat2,unlink,unlinkat,rmdir';

/** A call that has changed something, without what differs from one way to call it to another. */
export type Call = { readonly what: string; readonly path: string; readonly more: string };

/** Words of strace that record what a command, or a process that runs, does with files. */
export function recording(file: string): readonly string[] {
  return ['strace', '-f', '-y', '-s', '4096', '-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', file];
}

/** Records what a process does from now on; answers what ends that. */
export async function record(pid: number, file: string): Promise<() => Promise<void>> {
  const [strace = '', ...words] = recording(file);
  const child = spawn(strace, [...words, '-p', `${pid}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  // It says so when it has attached to all threads.
  await once(child.stderr, 'data');
  if (!said.includes('attached')) throw new Error(said);
  return async () => {
    child.kill('SIGINT');
    await ended;
  };
}

/** What was done below a path, in order; paths are those below it, and generations are called by their places in the order. */
export function callsBelow(file: string, root: string): readonly Call[] {
  const names = new Map<string, string>();
  const named = (text: string) =>
    text.replaceAll(/\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+/g, (name) => {
      const known = names.get(name) ?? `..generation-${names.size + 1}`;
      names.set(name, known);
      return known;
    });
  const below = (path: string) =>
    named(path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path).replace(/\/$/, '');
  const calls = wholeLines(readFileSync(file, 'utf8'))
    .flatMap(called)
    .filter(({ path }) => path === root || path.startsWith(`${root}/`))
    .map(({ what, path, more }) => ({ what, path: path === root ? '.' : below(path), more: below(more) }));
  const open = new Set<string>();
  return calls.filter(({ what, path }) => {
    if (what === 'create') open.add(path);
    // A file that was only read changes nothing.
    return what !== 'close' || open.delete(path);
  });
}

/** Lines of strace, those that were cut by another thread put together where they began. */
function wholeLines(text: string): readonly string[] {
  const lines: string[] = [];
  const open = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    const [, begun] = /^(.*) <unfinished \.\.\.>$/s.exec(rest) ?? [];
    const [, resumed] = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest) ?? [];
    const place = open.get(pid);
    if (begun !== undefined) open.set(pid, lines.push(begun) - 1);
    else if (resumed !== undefined && place !== undefined) lines[place] = `${lines[place]}${resumed}`;
    else lines.push(rest);
  }
  return lines;
}

/** The one change that a line tells of; none if it failed, or changed nothing. */
function called(line: string): readonly Call[] {
  const [, name = '', text = '', result = ''] = /^(\w+)\((.*)\) += (-?\w+)/s.exec(line) ?? [];
  if (name === '' || result.startsWith('-')) return [];
  const words = split(text);
  // A call by a directory has that first; `-y` writes its path.
  const paths = pathsOf(words);
  const [path = '', second = ''] = paths;
  const mode = words.find((word) => /^0\d+$/.test(word)) ?? '';
  const verb = name.replace(/^[lf]?(\w+?)(at2?|2|64)?$/, '$1');
  switch (verb) {
    case 'mkdir':
      return [{ what: 'mkdir', path, more: mode }];
    case 'open':
      return text.includes('O_CREAT') ? [{ what: 'create', path, more: mode }] : [];
    case 'write':
    case 'pwrite':
    case 'close':
      return [
        { what: verb === 'close' ? 'close' : 'write', path: pathsOf(words.slice(0, 1))[0] ?? '', more: '' },
      ];
    case 'chmod':
      return [{ what: 'chmod', path, more: mode }];
    case 'chown':
      return [{ what: 'chown', path, more: '' }];
    case 'symlink':
      return [{ what: 'symlink', path: second, more: unquoted(words[0] ?? '') }];
    case 'rename':
      return [{ what: 'rename', path: second, more: path }];
    case 'unlink':
      return [{ what: text.includes('AT_REMOVEDIR') ? 'rmdir' : 'unlink', path, more: '' }];
    case 'rmdir':
      return [{ what: 'rmdir', path, more: '' }];
    default:
      return [];
  }
}

/** The words of a call, as strace writes them. */
function split(text: string): readonly string[] {
  return (text.match(/"(?:[^"\\]|\\.)*"(?:\.\.\.)?|[^\s,"][^,"]*(?:<[^>]*>)?/g) ?? []).map((word) =>
    word.trim(),
  );
}

/** Paths among them, made absolute by the directory before them; a descriptor alone is that of its file. */
function pathsOf(words: readonly string[]): readonly string[] {
  const paths: string[] = [];
  let folder = '';
  for (const word of words) {
    const [, held] = /^(?:\d+|AT_FDCWD)<(.*)>$/.exec(word) ?? [];
    if (held !== undefined) folder = held;
    else if (word.startsWith('"')) {
      const path = unquoted(word);
      paths.push(isAbsolute(path) ? path : join(folder, path));
    }
  }
  return words[0]?.startsWith('"') !== true && !words.some((word) => word.startsWith('"')) ? [folder] : paths;
}

function unquoted(word: string): string {
  return word.replace(/^"(.*)"(\.\.\.)?$/s, '$1');
}
