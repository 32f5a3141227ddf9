import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IS_NODE } from '../support/rehup.ts';
import { count, eachWithDirectory, followed, writtenVolume } from '../support/volume.ts';

/** Specification 4.1 and 4.3 on the built executable: second names, and the way to what is watched. By events alone. */

const directory = eachWithDirectory();
const at = (...names: readonly string[]) => join(directory.path, ...names);

const OPTIONS = ['--settle', '0', '--min-interval', '0', '--verify', '0', '--poll', '0'];

/** Has a link lead elsewhere by one rename, as `ln -sfn` and `mv -T` do. */
function swapLink(path: string, target: string): void {
  symlinkSync(target, `${path}.tmp`);
  renameSync(`${path}.tmp`, path);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

describe('a link beside its target', () => {
  for (const [what, link, one, other] of [
    ['that sorts behind it', 'live', 'blue', 'green'],
    ['that sorts before it', 'active', 'blue', 'green'],
    ['of releases', 'www', 'releases/41', 'releases/42'],
  ] as const) {
    test(`${what}: its swap is a change`, async () => {
      write(at('w', one, 'x'), 'one');
      write(at('w', other, 'x'), 'other');
      symlinkSync(one, at('w', link));
      const run = await followed(at('w'), at('w', link, 'x'), { options: OPTIONS });
      swapLink(at('w', link), other);
      await run.said('SIGHUP other');
      expect((await run.logged('config.changed'))['paths']).toContainEqual(
        expect.stringContaining(at('w', link)),
      );
    });
  }
});

describe('a link in the way', () => {
  test('that is watched itself, swapped by a rename, is a change each time', async () => {
    for (const rev of ['1', '2', '3']) write(at('git', `rev${rev}`, 'app.conf'), rev);
    symlinkSync('rev1', at('git/current'));
    const run = await followed(at('git/current'), at('git/current/app.conf'), { options: OPTIONS });
    for (const rev of ['2', '3', '1']) {
      swapLink(at('git/current'), `rev${rev}`);
      await run.said(`SIGHUP ${rev}`);
    }
    // What it leads to is watched, too.
    writeFileSync(at('new'), 'edited');
    renameSync(at('new'), at('git/rev1/app.conf'));
    await run.said('SIGHUP edited');
    expect(count(run, 'SIGHUP')).toBe(4);
  });

  test('to a file', async () => {
    for (const rev of ['1', '2']) write(at('git', `rev${rev}`, 'app.conf'), rev);
    symlinkSync('rev1', at('git/current'));
    const file = at('git/current/app.conf');
    const run = await followed(file, file, { options: OPTIONS });
    swapLink(at('git/current'), 'rev2');
    await run.said('SIGHUP 2');
    writeFileSync(at('git/rev2/app.conf'), 'edited');
    await run.said('SIGHUP edited');
  });

  test('from within a watched directory, through another link', async () => {
    for (const rev of ['1', '2']) write(at('srv', `r${rev}`, 'x'), rev);
    symlinkSync('r1', at('srv/live'));
    mkdirSync(at('conf.d'));
    symlinkSync('../srv/live', at('conf.d/site'));
    const run = await followed(at('conf.d'), at('conf.d/site/x'), { options: OPTIONS });
    swapLink(at('srv/live'), 'r2');
    await run.said('SIGHUP 2');
    writeFileSync(at('srv/r2/x'), 'edited');
    await run.said('SIGHUP edited');
  });

  test('to a file elsewhere that is edited in place', async () => {
    write(at('elsewhere/file'), '0');
    mkdirSync(at('w'));
    symlinkSync('../elsewhere/file', at('w/link'));
    const run = await followed(at('w'), at('w/link'), { options: OPTIONS });
    writeFileSync(at('elsewhere/file'), '1');
    await run.said('SIGHUP 1');
    write(at('elsewhere/new'), '2');
    renameSync(at('elsewhere/new'), at('elsewhere/file'));
    await run.said('SIGHUP 2');
  });

  test('and a directory above that is replaced by a rename', async () => {
    write(at('a/b/c/file'), '0');
    write(at('new/c/file'), '1');
    const run = await followed(at('a/b/c'), at('a/b/c/file'), { options: OPTIONS });
    renameSync(at('a/b'), at('old'));
    await run.logged('watch.missing');
    renameSync(at('new'), at('a/b'));
    await run.said('SIGHUP 1');
    writeFileSync(at('a/b/c/file'), '2');
    await run.said('SIGHUP 2');
  });

  test('that leads to another volume', async () => {
    const one = writtenVolume(at('one'), { a: '0' });
    const two = writtenVolume(at('two'), { a: '1' });
    symlinkSync('one', at('current'));
    const run = await followed(at('current'), at('current/a'), { options: OPTIONS });
    swapLink(at('current'), 'two');
    await run.said('SIGHUP 1');
    two.write({ a: '2' });
    await run.said('SIGHUP 2');
    one.write({ a: '3' });
    swapLink(at('current'), 'one');
    await run.said('SIGHUP 3');
    expect(count(run, 'SIGHUP')).toBe(3);
  });

  test('with .. behind it is followed as the kernel does', async () => {
    write(at('far/sub/x'), '');
    write(at('far/conf'), '0');
    write(at('near/conf'), 'not this one');
    symlinkSync('../far/sub', at('near/link'));
    // No join: that takes the path for words.
    const file = `${at('near/link')}/../conf`;
    const run = await followed(file, file, { options: OPTIONS });
    expect(run.output[0]).toMatch(/ 0$/);
    writeFileSync(at('far/conf'), '1');
    await run.said('SIGHUP 1');
    expect(await run.logged('config.changed')).toMatchObject({ paths: [file] });
  });
});

describe('a busy directory above a watch', () => {
  test('is none of the business of rehup, and does not wake the static edition', async () => {
    write(at('w', 'key'), 'one');
    const run = await followed(at('w'), at('w', 'key'), { options: [...OPTIONS, '--log-level', 'trace'] });
    const wakeUps = () =>
      Number(
        /^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${run.pid()}/status`, 'utf8'))?.[1],
      );
    const before = wakeUps();
    for (let file = 0; file < 300; file++) {
      writeFileSync(at(`${file}`), '');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(run.log().filter(({ event }) => event === 'watch.hint')).toEqual([]);
    // fs.watch of Node tells of all names in a directory.
    if (!IS_NODE) expect(wakeUps() - before).toBeLessThan(100);
    writeFileSync(at('w', 'key'), 'two');
    await run.said('SIGHUP two');
  });
});
