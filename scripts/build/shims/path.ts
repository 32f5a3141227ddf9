// What commander takes of node:path to make a program's name from its file; POSIX only.

/** The last part of a path, without `suffix` if it ends in that. */
export function basename(path: string, suffix = ''): string {
  const name = path.replace(/\/+$/, '').replace(/^.*\//s, '');
  return suffix !== '' && suffix !== name && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

/** The end of a path's last part from its last dot, which is not its first character; else nothing. */
export function extname(path: string): string {
  const name = basename(path);
  const dot = name.lastIndexOf('.');
  return dot > 0 && name !== '..' ? name.slice(dot) : '';
}
