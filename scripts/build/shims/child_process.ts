// commander starts processes only for subcommands that are executables of their own; rehup has none.

/** Ends in an error: see above. */
export function spawn(command: string): never {
  throw new Error(`can't start the subcommand ${command}: give command() an action() instead of a file`);
}
