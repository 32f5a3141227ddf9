import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { identityOf, removeRemains } from './remains.ts';

/**
 * A process beside each cluster that removes it when the one that started it ends, whatever ended that: its stdin is a pipe
 * that nobody else holds. Its word is the folder of the run.
 */

const [folder = ''] = process.argv.slice(2);
// Ctrl-C and the end of a terminal are for the one that started it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
writeFileSync(join(folder, 'guardian'), identityOf(process.pid) ?? '');
process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('close', () => void removeRemains(folder));
