// What commander looks at of Node's process, for an engine that has none: nothing was given, nothing can be written.
// A command line for such an engine is parsed with `{ from: 'user' }`, configureOutput() and exitOverride(); where one
// of them was forgotten, the error says so.

export const argv: readonly string[] = [];
export const env: Readonly<Record<string, string>> = {};
export const execArgv: readonly string[] = [];
export const exitCode = undefined;
export const platform = 'linux';
export const versions: Readonly<Record<string, string>> = {};

export const stdout = output('stdout');
export const stderr = output('stderr');

/** Ends in an error: the host decides when to exit. */
export function exit(code: number): never {
  throw new Error(`process.exit(${code}) is not there: use commander's exitOverride()`);
}

function output(name: string) {
  return {
    columns: undefined,
    isTTY: false,
    write(): never {
      throw new Error(`process.${name}.write is not there: use commander's configureOutput()`);
    },
  };
}
