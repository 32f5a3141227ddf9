import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createContext, runInContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleNeutral, neutralContext } from '../scripts/build/neutral.ts';
import { basename, extname } from '../scripts/build/shims/path.ts';

const temporary = mkdtempSync(path.join(tmpdir(), 'rehup-packaging-'));
let folder = temporary;

beforeEach(() => {
  folder = mkdtempSync(path.join(temporary, 'test-'));
});

afterAll(() => rmSync(temporary, { recursive: true, force: true }));
describe('a neutral bundle', () => {
  const source = `
    import { Command, Option } from 'commander';
    export function run(words: string[]): string {
      const said: unknown[] = [];
      const program = new Command('rehup')
        .exitOverride()
        .enablePositionalOptions()
        .configureOutput({ writeOut: (text) => said.push(text), writeErr: (text) => said.push('! ' + text) });
      program
        .command('run')
        .description('runs a command')
        .argument('<words...>')
        .addOption(new Option('--on-change <action>', 'what to do').default('restart').env('REHUP_ON_CHANGE'))
        .passThroughOptions()
        .action((command, options) => said.push(command, options));
      try {
        program.parse(words, { from: 'user' });
      } catch (error) {
        said.push((error as { code: string }).code);
      }
      return JSON.stringify(said);
    }
    export const version = REHUP_VERSION;
    export function frozen() {
      (Object.freeze({ a: 1 }) as { a: number }).a = 2;
    }
  `;

  it('runs commander in an engine without any globals but its own', async () => {
    for (const context of [createContext(Object.create(null)), neutralContext()]) {
      runInContext(await bundleNeutral({ source }), context);
      const run = (...words: string[]) =>
        JSON.parse(runInContext(`rehup.run(${JSON.stringify(words)})`, context));

      expect(run('run', '--on-change', 'SIGHUP', 'nginx', '-g')).toEqual([
        ['nginx', '-g'],
        { onChange: 'SIGHUP' },
      ]);
      expect(run('run', 'nginx')).toEqual([['nginx'], { onChange: 'restart' }]);
      expect(run('run', '--help')).toEqual([
        expect.stringMatching(/^Usage: rehup run \[options\] <words\.\.\.>\n\nruns a command\n/),
        'commander.helpDisplayed',
      ]);
      expect(run('--nope')).toEqual(["! error: unknown option '--nope'\n", 'commander.unknownOption']);
      expect(run('rnu')).toEqual([
        "! error: unknown command 'rnu'\n(Did you mean run?)\n",
        'commander.unknownCommand',
      ]);
    }
  });

  it('is one strict script with a name for its exports', async () => {
    const context = neutralContext();
    runInContext(await bundleNeutral({ source }, { globalName: 'program', minify: true }), context);
    expect(runInContext('program.version', context)).toMatch(/^\d+\.\d+\.\d+/);
    expect(() => runInContext('program.frozen()', context)).toThrow(/read only/);
  });

  it('can begin with a file', async () => {
    const file = path.join(folder, 'entry.ts');
    writeFileSync(file, 'export const answer: number = 42;');
    const context = neutralContext();
    runInContext(await bundleNeutral({ file }), context);
    expect(runInContext('rehup.answer', context)).toBe(42);
  });

  it('fails where a module of Node is asked for that the engine will not have', async () => {
    await expect(bundleNeutral({ source: "import 'node:net';" })).rejects.toThrow(
      'node:net is not there in a neutral',
    );
    await expect(bundleNeutral({ source: "import 'events';" })).rejects.toThrow('Could not resolve "events"');
  });

  it('says what was forgotten when commander wants to write or exit by itself', async () => {
    const context = neutralContext();
    const careless =
      "import { Command } from 'commander'; export const run = (w) => new Command().parse(w, { from: 'user' });";
    runInContext(await bundleNeutral({ source: careless.replace('(w)', '(w: string[])') }), context);
    expect(() => runInContext("rehup.run(['--help'])", context)).toThrow("use commander's configureOutput()");
  });

  it('is tried in a context that lacks what came after ECMAScript 2023', () => {
    const names =
      'console Intl WebAssembly Temporal Iterator process Buffer URL TextEncoder setTimeout structuredClone';
    const context = neutralContext();
    for (const name of names.split(' '))
      expect(runInContext(`typeof ${name}`, context), name).toBe('undefined');
  });

  it('splits paths like node:path', () => {
    const text = fc.string({ unit: fc.constantFrom('/', '.', 'a', 'b', '\n') });
    fc.assert(
      fc.property(text, (file) => {
        expect(extname(file)).toBe(path.posix.extname(file));
        expect(basename(file)).toBe(path.posix.basename(file));
        expect(basename(file, extname(file))).toBe(path.posix.basename(file, path.posix.extname(file)));
      }),
    );
  });
});
