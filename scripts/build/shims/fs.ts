// commander looks into the file system only for subcommands that are executables of their own; rehup has none.

/** Ends in an error: see above. */
export function existsSync(path: string): never {
  throw new Error(`can't look for the subcommand ${path}: give command() an action() instead of a file`);
}
