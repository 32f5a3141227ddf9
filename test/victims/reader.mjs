// Tells at its start and at each SIGHUP what the files named hold at that moment: `start 1 2`, `SIGHUP 1 3`.
import { readFileSync, writeSync } from 'node:fs';

const files = process.argv.slice(2);
const tell = (word) => writeSync(1, `${word} ${files.map((file) => readFileSync(file, 'utf8')).join(' ')}\n`);
process.on('SIGHUP', () => tell('SIGHUP'));
setInterval(() => {}, 2 ** 31 - 1);
tell('start');
