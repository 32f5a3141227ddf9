import type { Given, Invocation } from '../../src/cli/invocation.ts';
import { parse } from '../../src/cli/parse.ts';
import type { Settings } from '../../src/core/state/settings.ts';

/** What of a command line is other than usual. */
export type Change = Partial<Omit<Given, 'words' | 'environment'>> & {
  readonly environment?: Readonly<Record<string, string>>;
};

/** What the words come to. */
export function given(words: readonly string[], { environment = {}, ...change }: Change = {}): Invocation {
  return parse({
    words,
    environment: new Map(Object.entries(environment)),
    cwd: '/work',
    terminal: false,
    columns: () => undefined,
    version: '1.2.3',
    ...change,
  });
}

/** The settings that the words come to, which must be good. */
export function settings(words: readonly string[], change: Change = {}): Settings {
  const invocation = given(words, change);
  if (invocation.kind !== 'run') throw new Error(JSON.stringify(invocation));
  return invocation.settings;
}

/** The line that is said of the words, which must be bad. */
export function refusal(words: readonly string[], change: Change = {}): string {
  const invocation = given(words, change);
  if (invocation.kind !== 'refuse') throw new Error(`not refused: ${JSON.stringify(invocation)}`);
  return invocation.message;
}
