import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import { failure, type Result, success } from '../text/result.ts';

/** An environment by name; of a name that is given twice the first counts, as in getenv(3). */
export function environmentMap(entries: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, equals);
    if (equals > 0 && !map.has(name)) map.set(name, entry.slice(equals + 1));
  }
  return map;
}

/** The value of one variable, as getenv(3) finds it. */
export function environmentValue(entries: readonly string[], name: string): string | undefined {
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Whether a child would find the same variables with the same values, whatever their order. */
export function sameEnvironment(one: readonly string[], other: readonly string[]): boolean {
  const [variables, others] = [environmentMap(one), environmentMap(other)];
  return (
    variables.size === others.size && [...variables].every(([name, value]) => others.get(name) === value)
  );
}

/** An `--env-dir` and what its files hold, by path relative to it: `Content.texts`. */
export type EnvironmentDirectory = {
  readonly path: string;
  readonly texts: ReadonlyMap<string, string>;
  /** `Content.tooMuch`. */
  readonly tooMuch?: number;
};

export type EnvironmentLimits = {
  /** What arguments and environment may take together, bytes: execve(2). */
  readonly argumentBytes: number;
  /** The words that get the environment; they share that room. */
  readonly command: readonly string[];
};

export type ChildEnvironment = {
  /** `NAME=value`, byte strings, each name once. */
  readonly entries: readonly string[];
  /** The paths of the files whose names are no names of variables. */
  readonly skipped: readonly string[];
};

/**
 * The environment of a start (specification 1, `--env-dir`): each file is a variable, named as the file, its value the
 * content less one trailing newline. Later directories win over earlier ones, within one the later path, and all over
 * what was inherited. Fails, naming the variable but never its value, if execve(2) would not take it.
 */
export function childEnvironment(
  inherited: readonly string[],
  directories: readonly EnvironmentDirectory[],
  limits: EnvironmentLimits,
): Result<ChildEnvironment> {
  const variables = new Map(environmentMap(inherited));
  const origins = new Map<string, string>();
  const skipped: string[] = [];
  for (const { path: directory, texts, tooMuch } of directories) {
    if (tooMuch !== undefined) {
      const what = `the files of ${textOfBytes(directory)} have more than ${tooMuch} bytes`;
      return failure(
        `${what}, and an environment has at most ${limits.argumentBytes}; make them fewer or shorter`,
      );
    }
    for (const path of [...texts.keys()].sort()) {
      const text = texts.get(path) ?? '';
      const file = joinPath(directory, path);
      const name = file.slice(file.lastIndexOf('/') + 1);
      if (VARIABLE_NAME.test(name)) {
        variables.set(name, text.endsWith('\n') ? text.slice(0, -1) : text);
        origins.set(name, file);
      } else skipped.push(file);
    }
  }
  for (const [name, file] of origins) {
    const wrong = problemOf(name, variables.get(name) ?? '');
    if (wrong !== undefined) return failure(`the variable ${name} of ${textOfBytes(file)}: ${wrong}`);
  }
  const entries = [...variables].map(([name, value]) => `${name}=${value}`);
  const bytes = bytesOf([...limits.command, ...entries]);
  if (origins.size === 0 || bytes <= limits.argumentBytes) return success({ entries, skipped });
  return failure(tooMuch(variables, origins, bytes, limits.argumentBytes));
}

/** What the kubelet takes for the name of a variable in `envFrom`: IsEnvVarName of Kubernetes' apimachinery. */
const VARIABLE_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** MAX_ARG_STRLEN of execve(2): the bytes of one entry, its final NUL included. */
const MOST_ENTRY_BYTES = 131_072;

function problemOf(name: string, value: string): string | undefined {
  if (value.includes('\0')) return 'a NUL is in its value, and no variable can hold one; remove it';
  return name.length + 1 + value.length + 1 > MOST_ENTRY_BYTES
    ? 'too long; name and value together can have at most 131070 bytes'
    : undefined;
}

/** A pointer on a 64-bit machine. */
const POINTER_BYTES = 8;

/** What strings take of the room of execve(2): each its bytes, a NUL and a pointer. */
function bytesOf(strings: readonly string[]): number {
  return strings.reduce((sum, string) => sum + string.length + 1 + POINTER_BYTES, 0);
}

/** Names the longest variable of those that the directories gave. */
function tooMuch(
  variables: ReadonlyMap<string, string>,
  origins: ReadonlyMap<string, string>,
  bytes: number,
  most: number,
): string {
  const length = (name: string) => name.length + (variables.get(name)?.length ?? 0);
  const longest = [...origins.keys()].reduce((best, name) => (length(name) > length(best) ? name : best));
  const room = `arguments and environment would take ${bytes} bytes of ${most}`;
  return `the variable ${longest} of ${textOfBytes(origins.get(longest) ?? '')}: ${room}, and it is the longest of the --env-dir; make them shorter`;
}
