// Catches HUP without meaning it, as the runtimes of Go and the JVM do, and dies of it; tells `start 12 <content>`.
// Words: the file to tell of, and how it dies: `raise` (resets the handler and raises the signal again), or a code.
import { readFileSync, writeSync } from 'node:fs';

const [file, how] = process.argv.slice(2);
process.once('SIGHUP', () => {
  writeSync(1, 'caught\n');
  // `once` has removed the handler, and with the last one Node resets the disposition.
  if (how === 'raise') process.kill(process.pid, 'SIGHUP');
  else process.exit(Number(how));
});
process.on('SIGTERM', () => process.exit(0));
setInterval(() => {}, 2 ** 31 - 1);
writeSync(1, `start ${process.pid} ${readFileSync(file, 'utf8')}\n`);
