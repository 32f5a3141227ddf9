/**
 * `npm run demo`: the main job for a person to watch. A small application under the built executable as PID 1, a volume
 * that is written as the kubelet writes it, and every claim checked: it ends in 0 only if each step truly happened.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { createVolume } from '../test/support/kubelet.ts';
import { PID_NAMESPACE } from '../test/support/machine.ts';
import { disposeAll, REHUP_BIN, type Rehup, rehup } from '../test/support/rehup.ts';

const colours = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

function paint(text: string, code: number): string {
  return colours ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function tell(text: string): void {
  console.log(text);
}

let steps = 0;

function step(text: string): void {
  steps += 1;
  tell(`\n${paint(`${steps}. ${text}`, 1)}`);
}

/** Says that something happened, or ends the demo in failure. */
function check(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`not so: ${claim}`);
  tell(`   ${paint('✓', 32)} ${claim}`);
}

/** Shows what the application said, indented, and gives it back. */
async function said(run: Rehup, start: string, nth = 1): Promise<string> {
  const line = await run.said(start, nth);
  tell(`   ${paint(line, 36)}`);
  return line;
}

const count = (run: Rehup, start: string) => run.output.filter((line) => line.startsWith(start)).length;

async function demo(directory: string): Promise<void> {
  const began = performance.now();
  const etc = join(directory, 'etc-app');
  const volume = createVolume(etc);

  step('A ConfigMap is mounted: the kubelet writes a directory and points the link ..data to it.');
  volume.write({ greeting: 'hello', port: '8080' });
  tell(`   ${etc}/..data -> ${volume.generation()}`);

  const options = ['-w', `${etc}=restart`, '-w', `${join(etc, 'greeting')}=SIGHUP`];
  const quick = ['--verify', '1s', '--min-interval', '0'];
  const app = [process.execPath, join(import.meta.dirname, 'demo-app.mjs'), etc];
  step(
    `rehup starts the application${PID_NAMESPACE.prefix === undefined ? '' : ', as PID 1 of a PID namespace'}:`,
  );
  if (PID_NAMESPACE.prefix === undefined)
    tell(`   (not as PID 1: this machine lacks ${PID_NAMESPACE.remedy})`);
  tell(`   ${relative(process.cwd(), REHUP_BIN)} ${[...options, ...quick].join(' ')} node demo-app.mjs …`);
  const run = rehup([...options, ...quick, ...app]);
  await said(run, 'app: started');
  await run.logged('child.started');

  step('The ConfigMap changes: another greeting. That file asks for a SIGHUP.');
  let swapped = performance.now();
  volume.write({ greeting: 'good morning', port: '8080' });
  const heard = await said(run, 'app: got SIGHUP');
  check(heard.includes('good morning'), `the application has read it, ${ms(swapped)} after the write began`);
  await run.logged('reload.applied');
  check(count(run, 'app: started') === 1, 'it is the same process, and it was signalled once');

  step('The same content is written anew: new files, new inodes, new times, the same bytes.');
  const before = volume.generation();
  volume.rewrite({ greeting: 'good morning', port: '8080' });
  check(volume.generation() !== before, `..data has moved to ${volume.generation()}`);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  check(
    count(run, 'app: got') === 1 && count(run, 'app: started') === 1,
    'and nothing has happened for 1.5 s',
  );

  step('The ConfigMap changes: another port. That needs a restart.');
  swapped = performance.now();
  volume.write({ greeting: 'good morning', port: '9090' });
  await said(run, 'app: got SIGTERM');
  const restarted = await said(run, 'app: started', 2);
  check(restarted.includes('9090'), `a new process runs with it, ${ms(swapped)} after the write began`);
  const applied = await run.logged('reload.applied', 2);
  check(
    applied['action'] === 'restart',
    'it has stayed up for the verify time: the reload counts as applied',
  );

  step('The pod is deleted: SIGTERM to rehup.');
  run.signal('SIGTERM');
  await said(run, 'app: got SIGTERM', 2);
  const code = await run.ended;
  check(code === 0, 'the application finished by itself, and rehup ended with its exit code 0');
  check(
    count(run, 'app: started') === 2 && count(run, 'app: got SIGHUP') === 1,
    'two starts and one SIGHUP in all',
  );
  tell(`\nAll of it happened, in ${ms(began)}. What rehup logged meanwhile:\n`);
  for (const line of run.log()) tell(`   ${paint(line.event.padEnd(16), 2)} ${line.msg}`);
}

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}

const directory = mkdtempSync(join(tmpdir(), 'rehup-demo-'));
try {
  await demo(directory);
} catch (error) {
  tell(`\n${paint('The demo failed', 31)}: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await disposeAll();
  rmSync(directory, { recursive: true });
}
