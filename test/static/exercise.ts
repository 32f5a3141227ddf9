/**
 * A program for the C host that calls its functions as it is told, so that tests can try each by itself: its word is a
 * JSON list of `[name, argument...]`, and it prints what each gave. `{"of": 2, "at": 0}` stands for the first element of
 * what the third call gave. JSON of ASCII carries byte strings whole.
 */
type Reference = { readonly of: number; readonly at?: number };
type Outcome = { readonly gave?: unknown; readonly threw?: unknown };

const outcomes: Outcome[] = [];

function resolved(argument: unknown): unknown {
  if (argument === null) return undefined;
  if (Array.isArray(argument)) return argument.map(resolved);
  if (typeof argument !== 'object' || !('of' in argument)) return argument;
  const { of, at } = argument as Reference;
  const gave = outcomes[of]?.gave;
  return at === undefined ? gave : (gave as readonly unknown[])[at];
}

/** What the engine itself must not be able to do, and what it must survive. */
const ENGINE: Readonly<Record<string, () => unknown>> = {
  // biome-ignore lint/security/noGlobalEval: that it does nothing is what is tested.
  eval: () => globalThis.eval('1 + 1'),
  Function: () => new Function('return 2')(),
  recursion: () => {
    const deeper = (): number => deeper() + 1;
    return deeper();
  },
};

function call(name: string, words: readonly unknown[]): Outcome {
  try {
    const special = ENGINE[name];
    if (special !== undefined) return { gave: special() };
    const functions = native as unknown as Readonly<Record<string, (...words: unknown[]) => unknown>>;
    const gave = functions[name]?.(...words.map(resolved));
    return gave === undefined ? {} : { gave };
  } catch (error) {
    return { threw: error instanceof Error ? `${error.name}: ${error.message}` : error };
  }
}

export function main(): never {
  const calls = JSON.parse(native.words()[0] ?? '[]') as readonly (readonly [string, ...unknown[]])[];
  for (const [name, ...words] of calls) outcomes.push(call(name, words));
  const text = JSON.stringify(outcomes).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  native.print(1, text);
  return native.exit(0);
}
