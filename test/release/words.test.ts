import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bashCompletion, CHOICES, fishCompletion, zshCompletion } from '../../scripts/release/completions.ts';
import { factsOf } from '../../scripts/release/facts.ts';
import { licenceOf, licencesOf } from '../../scripts/release/licences.ts';
import { manualPage } from '../../scripts/release/manual.ts';
import { SUBCOMMANDS } from '../../scripts/release/subcommands.ts';
import { RUN_OPTIONS, variableOf } from '../../src/cli/options.ts';
import { type Capability, MANDOC, SHELLS, TMUX } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { given } from '../support/parsing.ts';
import { PATIENCE } from '../support/patience.ts';

/** What a release tells in words, made of the options: the manual page, completions, licences. */

const directory = mkdtempSync(join(tmpdir(), 'rehup-words-'));

afterAll(() => rmSync(directory, { recursive: true }));

describe('the manual page', () => {
  needing(MANDOC)('is one that mandoc finds nothing wrong with', async () => {
    const file = join(directory, 'rehup.1');
    writeFileSync(file, manualPage(await factsOf({ SOURCE_DATE_EPOCH: '86400' })));
    const { status, stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', file], { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
    const shown = spawnSync('mandoc', ['-T', 'utf8', file], { encoding: 'utf8' }).stdout;
    // Bold is a letter over itself.
    const text = shown.replaceAll(new RegExp(`.${String.fromCharCode(8)}`, 'g'), '');
    expect(text).toContain('January 2, 1970');
    for (const { name, options } of SUBCOMMANDS)
      for (const word of [`rehup ${name}`, ...options.map((option) => `--${option.name}`)].slice(
        name === 'run' ? 1 : 0,
      ))
        expect(text).toContain(word);
    expect(SUBCOMMANDS.map(({ name }) => name)).toEqual(expect.arrayContaining(['run', 'status', 'install']));
    for (const option of RUN_OPTIONS) {
      expect(text).toContain(`--${option.name}`);
      expect(text).toContain(variableOf(option));
    }
  });
});

/** Types into an interactive shell until the line is as it should be, or for a minute in vain. */
async function typed(session: string, keys: readonly string[], wanted: string): Promise<void> {
  const tmux = (...words: readonly string[]) =>
    spawnSync('tmux', ['-L', session, ...words], { encoding: 'utf8' }).stdout;
  tmux('send-keys', ...keys);
  await expect.poll(() => tmux('capture-pane', '-p'), { timeout: PATIENCE, interval: 50 }).toContain(wanted);
  tmux('send-keys', 'C-u');
}

type Shell = {
  readonly needs: readonly Capability[];
  /** The words that start it, with what is in its folder. */
  start(folder: string): readonly string[];
};

const INTERACTIVE: Readonly<Record<string, Shell>> = {
  bash: {
    needs: [TMUX, SHELLS.bash],
    start(folder) {
      writeFileSync(join(folder, 'rehup.bash'), bashCompletion());
      writeFileSync(join(folder, 'rc'), `. ${folder}/rehup.bash\nPS1='ready> '\n`);
      return ['bash', '--noprofile', '--rcfile', join(folder, 'rc'), '-i'];
    },
  },
  zsh: {
    needs: [TMUX, SHELLS.zsh],
    start(folder) {
      writeFileSync(join(folder, '_rehup'), zshCompletion());
      const lines = [`fpath=(${folder} $fpath)`, 'autoload -Uz compinit', 'compinit -u -D', "PS1='ready> '"];
      writeFileSync(join(folder, '.zshrc'), `${lines.join('\n')}\n`);
      return ['env', `ZDOTDIR=${folder}`, 'zsh', '--no-globalrcs', '-i'];
    },
  },
  fish: {
    needs: [TMUX, SHELLS.fish],
    start(folder) {
      writeFileSync(join(folder, 'rehup.fish'), fishCompletion());
      const begin = `source ${folder}/rehup.fish; function fish_prompt; echo -n 'ready> '; end; set fish_greeting`;
      return ['env', `HOME=${folder}`, `XDG_CONFIG_HOME=${folder}`, 'fish', '--init-command', begin];
    },
  },
};

describe('the completion for', () => {
  for (const [name, { needs, start }] of Object.entries(INTERACTIVE)) {
    needing(...needs)(`${name} finishes options, their values and subcommands`, async () => {
      const folder = join(directory, name);
      mkdirSync(folder);
      const session = `rehup-${process.pid}-${name}`;
      const tmux = ['-L', session, '-f', '/dev/null'];
      spawnSync('tmux', [...tmux, 'new-session', '-d', '-x', '150', '-y', '30', ...start(folder)]);
      try {
        await typed(session, [], 'ready>');
        await typed(session, ['rehup --on-ch', 'Tab'], 'rehup --on-change');
        await typed(session, ['rehup --log-level war', 'Tab'], 'rehup --log-level warn');
        await typed(session, ['rehup insta', 'Tab'], 'rehup install');
        await typed(session, ['rehup status --js', 'Tab'], 'rehup status --json');
        // Behind a value it is rehup's turn again.
        await typed(session, ['rehup -w /etc --min-in', 'Tab'], 'rehup -w /etc --min-interval');
      } finally {
        spawnSync('tmux', ['-L', session, 'kill-server']);
      }
    });
  }

  test('offers nothing that an option does not take, and knows each', () => {
    // What is still to be written behind it.
    const whole: Readonly<Record<string, string>> = {
      'http://': 'http://localhost/',
      'tcp://': 'tcp://localhost:80',
      'exec:': 'exec:true',
    };
    for (const [option, values] of Object.entries(CHOICES))
      for (const value of values)
        expect(given(['-w', '/x', `--${option}`, whole[value] ?? value, 'app'])).toMatchObject({
          kind: 'run',
        });
    for (const text of [bashCompletion(), zshCompletion(), fishCompletion()])
      for (const { name } of RUN_OPTIONS) expect(text).toMatch(new RegExp(`(--|-l )${name}\\b`));
  });
});

describe('a licence', () => {
  test('is a must: what has none can not be released', () => {
    const from = join(directory, 'without');
    mkdirSync(from);
    writeFileSync(join(from, 'README.md'), 'free to use, I guess');
    expect(() => licenceOf({ name: 'without', from })).toThrow(
      `release: without has no licence in ${from}: it may not be passed on`,
    );
    writeFileSync(join(from, 'LICENSE.md'), '\n');
    expect(() => licencesOf('rehup', [{ name: 'without', from }])).toThrow('has no licence');
    expect(() => licenceOf({ name: 'gone', from: join(directory, 'nowhere') })).toThrow('has no licence');
  });

  test('that several have in the same words is told once, with all their names', () => {
    const origins = ['one', 'two', 'three'].map((name) => {
      const from = join(directory, name);
      mkdirSync(from);
      writeFileSync(join(from, 'licence'), name === 'two' ? 'another\n' : 'the same\n\n');
      return { name, from };
    });
    const text = licencesOf('It', origins);
    expect(text.match(/the same/g)).toHaveLength(1);
    expect(text).toContain('one, three\n\nthe same\n');
    expect(text).toContain('two\n\nanother\n');
  });
});
