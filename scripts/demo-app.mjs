// The application of the demo: it reads its configuration at the start and at SIGHUP, as most servers do.
import { readFileSync } from 'node:fs';

const [directory] = process.argv.slice(2);
const read = (key) => readFileSync(`${directory}/${key}`, 'utf8').trim();

console.log(`app: started as process ${process.pid}, port ${read('port')}, greeting "${read('greeting')}"`);
process.on('SIGHUP', () => console.log(`app: got SIGHUP, read the greeting again: "${read('greeting')}"`));
process.on('SIGTERM', () => {
  console.log('app: got SIGTERM, finishing');
  process.exit(0);
});
setInterval(() => {}, 1_000_000);
