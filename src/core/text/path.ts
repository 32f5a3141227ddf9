/** Absolute Linux paths as byte strings: no `.`, no trailing slash, and `..` only where what is before it may be a link. */

/** The absolute path that `path` means in the directory `cwd`, by its words alone (no link is followed). */
export function absolutePath(cwd: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/**
 * The absolute path that `path` means in the directory `cwd`, which is one without links, for the kernel to follow: `..`
 * behind a name is kept, since that may be a link.
 */
export function pathToFollow(cwd: string, path: string): string {
  const parts: string[] = [];
  const base = path.startsWith('/') ? [] : cwd.split('/').filter((part) => part !== '');
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..' || parts.length > 0) parts.push(part);
    else base.pop();
  }
  return `/${[...base, ...parts].join('/')}`;
}

export function joinPath(directory: string, name: string): string {
  if (name === '') return directory;
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** The directory that holds `path`; that of `/` is `/`. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}

/** `path` relative to `directory`: empty if they are the same, undefined if it does not lie below. */
export function relativePath(directory: string, path: string): string | undefined {
  if (path === directory) return '';
  const prefix = directory === '/' ? '/' : `${directory}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
}

/** Whether one of two paths is, or lies below, the other. */
export function overlap(one: string, other: string): boolean {
  return relativePath(one, other) !== undefined || relativePath(other, one) !== undefined;
}
