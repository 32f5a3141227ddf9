import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { PATIENCE, type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, ends } from '../support/volume.ts';

/** What others named or wrote makes no line of its own, moves no cursor and turns no text round (specification 1 and 4.8). */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

const NAMES = [
  'x\nERROR rehup.degraded: all is lost',
  '\x1b[2J\x1b]0;title\x07',
  '\u009b31m',
  '\u202etxt.exe\u2066',
  '\x7f\r\t',
];
const SHOWN = [
  'x\\nERROR rehup.degraded: all is lost',
  '\\x1b[2J\\x1b]0;title\\x07',
  '\\u009b31m',
  '\\u202etxt.exe\\u2066',
  '\\x7f\\r\\t',
];

/** All lines are rehup's, and nothing in them is anything but text. */
function printed(run: Rehup): readonly string[] {
  const errors = run.errors();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for.
  expect(errors).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
  const lines = errors.trimEnd().split('\n');
  for (const line of lines)
    expect(line).toMatch(/^(?:\{.*\}|\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ +[a-z_.]+: .*|rehup: .*)$/);
  return lines;
}

describe.each(['json', 'gcp', 'pretty'])('with --log-format %s', (format) => {
  const options = [...AT_ONCE, '--settle', '0', '--log-format', format];

  test('names of files, and what a check writes, are one line of text', async () => {
    mkdirSync(here('w'));
    writeFileSync(here('w/key'), 'one');
    const written = `${NAMES.join('\n')}\nERROR rehup.degraded: a line of its own\r\n`;
    writeFileSync(here('output'), written);
    const check = script(
      here('check'),
      `test -e '${here('w')}/${NAMES[2]}' || exit 0; cat '${here('output')}'; exit 1`,
    );
    const run = rehup([
      '-w',
      here('w'),
      '--on-change',
      'HUP',
      ...options,
      '--check',
      check,
      ...witness('/dev/null'),
    ]);
    await run.said('start');
    for (const name of NAMES) writeFileSync(here(`w/${name.replaceAll('/', '')}`), 'two');
    await expect.poll(() => run.errors(), { timeout: PATIENCE }).toContain('reload.rejected');
    await ends(run);
    const lines = printed(run);
    const rejected = lines.find((line) => line.includes('reload.rejected')) ?? '';
    for (const shown of SHOWN) {
      const name = JSON.stringify(shown).slice(1, -1);
      const seen = lines.filter((line) => line.includes(`/${name}`));
      expect(seen.length, shown).toBeGreaterThan(0);
    }
    expect(rejected).toContain('a line of its own');
    expect(rejected).toContain(JSON.stringify(SHOWN[1]).slice(1, -1));
  });

  test('a command that can not be started is named in one line', async () => {
    const command = here(NAMES.join('').replaceAll('/', ''));
    for (const code of [127, 126]) {
      if (code === 126) writeFileSync(command, 'no program');
      if (code === 126) chmodSync(command, 0o644);
      const run = rehup([...options, '--', command]);
      expect(await run.ended).toBe(code);
      const lines = printed(run);
      expect(lines.filter((line) => line.includes('child.start_failed'))).toHaveLength(1);
    }
  });
});

describe('bad usage', () => {
  const value = NAMES.join('');

  test.each([
    ['--settle', value],
    ['--watch', `${value}=${value}`],
    ['--check', `a {dir:${value}}`],
    ['--on-change', value],
    ['--rewrite-signal', `${value}:${value}`],
    ['--log-format', value],
    [`--${value}`, 'x'],
    [`--wa${value}`, 'x'],
    ['--stage', `${value}=${value}`],
  ])('of %j is one line', async (option, given) => {
    const run = rehup([option, given, '-w', here('nowhere/deep'), '--', 'true']);
    expect(await run.ended).toBe(125);
    const lines = printed(run).filter((line) => line.startsWith('rehup: '));
    expect(lines).toHaveLength(1);
    expect(run.output).toEqual([]);
  });

  test('of a watch that is not there shows its name escaped', async () => {
    const run = rehup(['-w', `/${value.replaceAll('/', '')}/a`, '--', 'true']);
    expect(await run.ended).toBe(125);
    const [line = ''] = printed(run).filter((one) => one.startsWith('rehup: '));
    for (const shown of SHOWN) expect(line).toContain(shown);
  });

  test('of a variable as well', async () => {
    const run = rehup(['--', 'true'], { environment: { REHUP_SETTLE: value } });
    expect(await run.ended).toBe(125);
    expect(printed(run)).toHaveLength(1);
  });
});
